import type { LoadedPayload } from '../hypervisor/index.js';
import { comparesBuildIds, type Guard, type Step } from './plan.js';

/** Why nothing is to be done with a payload that is applied. */
export function appliedText(payload: LoadedPayload): string {
  return payload.position === null
    ? 'is applied already'
    : `is applied already, at position ${payload.position}`;
}

/** The step that applies a payload under its guard. */
export function applyStep(
  name: string,
  ids: Pick<Step, 'buildId' | 'depends'>,
  guard: Guard,
  rest: Pick<Step, 'file' | 'reason'>,
): Step {
  return {
    action: 'apply',
    name,
    buildId: ids.buildId,
    depends: ids.depends,
    ...rest,
    nodeps: !comparesBuildIds(guard),
    guard,
  };
}
