import { nameText } from '../abi/payload-name.js';
import { XspliceError } from '../findings/index.js';
import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import type { PlanPayload } from '../payload/index.js';
import { loadSteps, uploadStep } from './load-steps.js';
import { makePlan } from './make-plan.js';
import type { Plan, PlanCommand, PlanOptions, StackEntry, Step } from './plan.js';
import { applySteps } from './simulate.js';

/** What is to be loaded again, as it was seen once. */
export interface ReturnTarget {
  /** Base first. */
  readonly applied: readonly StackEntry[];
  /** Loaded and not applied. */
  readonly others: readonly StackEntry[];
}

/**
 * Plans that the same is applied in the same order as once, and the same is loaded beside it: what is above the common
 * base is reverted, what was not there is unloaded, what is not there any more is uploaded from its file, and what was
 * applied is applied again. A payload that does not name the one below it had been applied with NODEPS, and is again.
 *
 * Fails with `return-lacks-payload` where a file is missing, and with `name-taken`.
 */
export function planReturn(
  command: PlanCommand,
  snapshot: Snapshot,
  target: ReturnTarget,
  payloads: readonly PlanPayload[],
  options: PlanOptions,
): Plan {
  const stack = stackOf(snapshot);
  const differs = stack.findIndex((one, index) => !isSame(one, target.applied[index]));
  const kept = differs < 0 ? stack.length : differs;
  const reverts = stack
    .slice(kept)
    .reverse()
    .map((one) => stepFor('revert', one, 'was not applied'));
  const reverted = applySteps(snapshot, reverts);
  const wanted = [...target.applied, ...target.others];
  const unloads = reverted.payloads
    .filter(({ state, ...one }) => state !== 'APPLIED' && !wanted.some((two) => isSame(one, two)))
    // The newest first: taken back, the oldest is uploaded first, and all lie where they were.
    .reverse()
    .map((one) => stepFor('unload', one, 'was not loaded'));
  const cleared = applySteps(reverted, unloads);
  const again = target.applied.slice(kept);
  const files = again.flatMap((one) => fileOf(one, payloads) ?? []);
  const loads = loadSteps(cleared, files).steps;
  const loaded = applySteps(cleared, loads);
  const uploads = [...again, ...target.others].flatMap((one) => {
    if (loaded.payloads.some((there) => isSame(there, one))) return [];
    const file = fileOf(one, payloads);
    if (file !== undefined) return [uploadStep(file, 'was loaded')];
    throw new XspliceError(
      'return-lacks-payload',
      `${nameText(one.name)} (build-id ${one.buildId ?? 'not known'}) is not loaded any more, and its file is not in the store`,
    );
  });
  let below = target.applied[kept - 1]?.buildId ?? snapshot.hypervisor.buildId;
  const applies = again.map((one): Step => {
    const nodeps = one.depends === null || one.depends !== below;
    below = one.buildId;
    const guard = nodeps ? 'nodeps' : 'build-id';
    return { ...stepFor('apply', one, 'was applied'), ...(nodeps ? { nodeps } : {}), guard };
  });
  const steps = [...reverts, ...unloads, ...loads, ...uploads, ...applies];
  return makePlan(command, snapshot, options, steps);
}

function stepFor(action: Step['action'], one: StackEntry, reason: string): Step {
  const { name, buildId, depends } = one;
  return { action, name, buildId, depends, reason };
}

function fileOf(one: StackEntry, payloads: readonly PlanPayload[]): PlanPayload | undefined {
  const found = payloads.find(({ buildId }) => buildId !== null && buildId === one.buildId);
  return found === undefined ? undefined : { ...found, name: one.name };
}

function isSame(a: StackEntry | LoadedPayload, b: StackEntry | undefined): boolean {
  return b !== undefined && a.name === b.name && a.buildId === b.buildId;
}
