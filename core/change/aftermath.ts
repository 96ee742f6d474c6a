import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import type { LostPayload, StepReport } from './execution.js';

/** True where the same payloads are loaded, in the same states and order, and can be used as before. */
export function isAsItWas(before: Snapshot, after: Snapshot): boolean {
  const facts = ({ hypervisor, payloads }: Snapshot) =>
    JSON.stringify([
      hypervisor.buildId,
      payloads.map((p) => [p.name, p.state, p.buildId, p.position, isSpent(p)]).sort(),
    ]);
  return facts(before) === facts(after);
}

/** One that was reverted and is not applied again may need a new upload. */
function isSpent({ state, reverted }: LoadedPayload): boolean {
  return state === 'CHECKED' && reverted === true;
}

/** Payloads that were applied and are not any more, but for those that a step was done to take off. */
export function lostPayloads(
  before: Snapshot,
  after: Snapshot,
  kept: readonly StepReport[],
): readonly LostPayload[] {
  const done = kept.filter(({ status }) => status === 'done').map(({ step }) => step);
  if (done.some(({ action }) => action === 'replace')) return [];
  const meant = new Set(done.flatMap((s) => (s.action === 'revert' ? [s.name] : [])));
  const applied = new Set(stackOf(after).map(keyOf));
  return stackOf(before)
    .filter((payload) => !meant.has(payload.name) && !applied.has(keyOf(payload)))
    .map(({ name, buildId }) => ({
      name,
      buildId,
      isLoaded: after.payloads.some((p) => p.name === name),
    }));
}

function keyOf({ name, buildId }: LoadedPayload): string {
  return `${buildId ?? '?'} ${name}`;
}
