import { nameText } from '../abi/payload-name.js';
import { XspliceError } from '../findings/index.js';
import type { PayloadInput } from '../payload/index.js';
import { revert } from '../verify/index.js';
import { type CodeGuard, GuardRefusal, type GuardReport, guardedFile } from './admit.js';
import { type GuardSetting, guardPayload } from './guard.js';

/**
 * Asks the guard about a payload that is to be the only one: on the hypervisor with all others
 * reverted, as REPLACE leaves it. Fails with a GuardRefusal, and with `trial-revert-failed`.
 */
export function admitReplacement(
  guard: CodeGuard,
  setting: GuardSetting,
  input: PayloadInput,
): GuardReport {
  let { model } = setting;
  for (const name of [...model.applied].reverse()) {
    const { model: after, verdict } = revert(model, name);
    if (after.applied.length >= model.applied.length) {
      throw new XspliceError(
        'trial-revert-failed',
        `Old code cannot be compared: Xen would not revert ${nameText(name)} (${verdict.outcome.outcome})`,
      );
    }
    model = after;
  }
  const bare = { ...setting, model };
  const verdict = guardPayload(guard, bare, input.payload);
  const report = { guard, payloads: [guardedFile(bare, { input, verdict })] };
  if (!verdict.passes) throw new GuardRefusal(report);
  return report;
}
