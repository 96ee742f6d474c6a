import { nameText } from '../abi/payload-name.js';
import { XspliceError } from '../findings/index.js';
import { fingerprintOf, type Snapshot } from '../hypervisor/index.js';
import type { Plan, Step } from '../stack/index.js';

/** What a plan that is made now has to be: one that was made, and looked at, before. */
export interface ExpectedPlan {
  /** Of the hypervisor as it was observed then. */
  readonly fingerprint: string;
  readonly steps: readonly ExpectedStep[];
}

/** What is done, to what: the name as text. Why, and from which path, may be said otherwise now. */
export type ExpectedStep = Pick<
  Step,
  'action' | 'name' | 'buildId' | 'depends' | 'sha256' | 'nodeps' | 'guard'
>;

/** Fails with `stale-plan` where the hypervisor is not as it was then. */
export function requireSameHypervisor({ fingerprint }: ExpectedPlan, snapshot: Snapshot): void {
  if (fingerprintOf(snapshot) === fingerprint) return;
  throw new XspliceError(
    'stale-plan',
    'The hypervisor is no longer as it was when the plan was saved: payloads were loaded, unloaded, applied or reverted in between, or it is another build',
    { hint: 'Make a new plan: it starts from what is there now.' },
  );
}

/** Fails with `stale-plan` where other steps are planned now than then. */
export function requireSameSteps({ steps }: ExpectedPlan, plan: Plan): void {
  const then = steps.map(textOf);
  const now = plan.steps.map((step) => textOf({ ...step, name: nameText(step.name) }));
  const at = now.findIndex((text, index) => text !== then[index]);
  if (at < 0 && now.length === then.length) return;
  throw new XspliceError(
    'stale-plan',
    `What the plan file says is not what is planned now: step ${(at < 0 ? now.length : at) + 1} differs`,
    { hint: 'Make a new plan, and look at it: the file, or the program, is another one.' },
  );
}

function textOf(step: ExpectedStep): string {
  const { action, name, buildId, depends, sha256 = null, nodeps = false, guard = null } = step;
  // The file of what is unloaded is for the way back: it may have come, or gone, in between.
  const sent = action === 'unload' ? null : sha256;
  return JSON.stringify([action, name, buildId, depends, sent, nodeps, guard]);
}
