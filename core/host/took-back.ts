import { type Finding, finding } from '../findings/index.js';
import type { WillRecord } from '../hypervisor/xen/index.js';

/** Why an agent begins that stayed alone (agent.py). */
const TIME_IS_OVER = 'time is over';

/** Says what an agent took back by itself. */
export function tookBackFinding({ verb, since, why, at, end, last }: WillRecord): Finding {
  const what =
    verb === null ? 'A change' : `A change (${verb}${since === null ? '' : `, ${since}`})`;
  const ends = {
    done: 'the agent there took back what it had done',
    stopped: `the agent there began to take it back, and stopped at what it did not foresee (${last})`,
    'going on': `the agent there is taking it back, or was ended at it (${last})`,
  };
  return finding('change-taken-back', {
    message: `${what} was ${why === TIME_IS_OVER ? 'not confirmed in time' : `cut off: ${why}`}, and from ${at} on ${ends[end]}`,
  });
}
