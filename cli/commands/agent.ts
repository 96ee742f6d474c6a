import { EXIT } from '../../core/findings/index.js';
import { agentSource } from '../../core/hypervisor/xen/index.js';
import type { Session } from '../session.js';
import { usage } from '../usage.js';

/** Gives out the source of the agent, the very one that is sent along with a connection. */
export async function run({ settings, output }: Session): Promise<number> {
  if (!settings.print) {
    throw usage('agent does nothing by itself', 'Its source: xsplice-ts agent --print');
  }
  const source = agentSource().toString('utf8');
  output.data(source.trimEnd());
  output.document({ ok: true, source });
  return EXIT.done;
}
