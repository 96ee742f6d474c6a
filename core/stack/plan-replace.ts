import { nameText } from '../abi/payload-name.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import type { PlanPayload } from '../payload/index.js';
import { functionsLost, functionsText, isNamedCumulative } from './cumulative.js';
import { checkHypervisor, findLoaded, loadSteps } from './load-steps.js';
import { makePlan } from './make-plan.js';
import type { Plan, PlanOptions, Step } from './plan.js';

/**
 * Plans that this payload is the only one applied. Where it is not applied, REPLACE does it in one
 * go: it reverts all others and applies this one. Where it is at the bottom of the stack already,
 * those above it are reverted. Those reverted stay loaded, which a note says.
 *
 * REPLACE always compares the parent with the hypervisor, which no flag can skip, and never asks
 * whether data is dirty (livepatch_action, common/livepatch.c): a payload that was reverted, or may
 * have been, and has data of its own is uploaded anew first.
 *
 * Fails with `not-on-hypervisor` (its parent is not the hypervisor: both ids), `hypervisor-no-build-id`,
 * `replace-vetoed` (it has pre or post hooks, with which REPLACE is refused, since 4.14),
 * `wrong-hypervisor`, `name-taken`, `applied-above` (it is applied above others).
 */
export function planReplace(snapshot: Snapshot, payload: PlanPayload, options: PlanOptions): Plan {
  const stack = stackOf(snapshot);
  const applied = stack.findIndex((p) => p.buildId !== null && p.buildId === payload.buildId);
  if (applied >= 0) return planAboveReverted(snapshot, payload, stack, applied, options);

  refuseUnfit(snapshot, payload);
  checkHypervisor(snapshot, [payload]);
  const loads = loadAlone(snapshot, payload);
  const step: Step = {
    action: 'replace',
    name: loads.name,
    buildId: payload.buildId,
    depends: payload.depends,
    file: payload.file,
    reason:
      stack.length === 0
        ? 'is to be the only one applied; nothing is applied now'
        : `takes the place of ${namesText(stack)}`,
    ...(options.guard === undefined ? {} : { guard: options.guard }),
  };
  const steps = [...loads.steps, step];
  const findings = [...lossFindings(stack, payload), ...stayLoadedFindings(stack)];
  return makePlan('replace', snapshot, options, steps, findings);
}

/** Fixes of the stack that are not in what takes its place. A name tells that all are. */
function lossFindings(stack: readonly LoadedPayload[], payload: PlanPayload): readonly Finding[] {
  const lost = isNamedCumulative(payload) ? [] : functionsLost(stack, payload);
  if (lost.length === 0) return [];
  return [
    finding('replace-drops-fixes', {
      file: payload.file,
      message: `${payload.file} does not replace ${functionsText(lost)}, as ${namesText(stack)} did: afterwards the hypervisor's own code runs there`,
    }),
  ];
}

/** Nothing will be below it: only its own state decides whether it is uploaded anew. */
function loadAlone(
  snapshot: Snapshot,
  payload: PlanPayload,
): { readonly steps: readonly Step[]; readonly name: string } {
  const loads = loadSteps(withoutStackOrder(snapshot, payload), [payload]);
  return { steps: loads.steps, name: loads.names.get(payload) ?? payload.name };
}

/** The same payloads with this one last, so that none counts as uploaded after it. */
function withoutStackOrder(snapshot: Snapshot, payload: PlanPayload): Snapshot {
  const loaded = snapshot.payloads[findLoaded(snapshot, payload)];
  if (loaded === undefined) return snapshot;
  return { ...snapshot, payloads: [...snapshot.payloads.filter((p) => p !== loaded), loaded] };
}

function refuseUnfit(snapshot: Snapshot, payload: PlanPayload): void {
  const hypervisor = snapshot.hypervisor.buildId;
  if (hypervisor === null) {
    throw new XspliceError(
      'hypervisor-no-build-id',
      'The hypervisor has no build-id, so REPLACE cannot compare it with the payload',
      { hint: 'Revert what is applied, then use apply --nodeps.' },
    );
  }
  if (payload.depends !== hypervisor) {
    throw new XspliceError(
      'not-on-hypervisor',
      `${payload.file} builds on ${payload.depends ?? 'nothing that can be read'}, but replace needs a payload that builds on the hypervisor ${hypervisor}`,
    );
  }
  if (payload.vetoingHooks.length > 0) {
    throw new XspliceError(
      'replace-vetoed',
      `${payload.file} has hooks with which Xen refuses REPLACE: ${payload.vetoingHooks.join(', ')}`,
    );
  }
}

function planAboveReverted(
  snapshot: Snapshot,
  payload: PlanPayload,
  stack: readonly LoadedPayload[],
  index: number,
  options: PlanOptions,
): Plan {
  const [only, ...others] = stack;
  if (index > 0) {
    throw new XspliceError(
      'applied-above',
      `${payload.file} is applied, but above ${namesText(stack.slice(0, index))}`,
    );
  }
  if (others.some((p) => p.position === null)) {
    throw new XspliceError(
      'unknown-stack',
      `${stack.length} payloads are applied, but not in which order is known`,
      { hint: 'Revert those above with the tool that applied them.' },
    );
  }
  const reverts = others.reverse().map(({ name, buildId, depends }): Step => {
    const reason = `is above ${nameText(only?.name ?? payload.name)}, which is to be the only one applied`;
    return { action: 'revert', name, buildId, depends, reason };
  });
  const { buildId, depends, file, sha256 } = payload;
  const done: Step = {
    action: 'none',
    name: only?.name ?? payload.name,
    buildId,
    depends,
    file,
    sha256,
    reason: reverts.length === 0 ? 'is the only one applied already' : 'is applied already',
  };
  const findings = [...lossFindings(others, payload), ...stayLoadedFindings(others)];
  return makePlan('replace', snapshot, options, [...reverts, done], findings);
}

function stayLoadedFindings(reverted: readonly LoadedPayload[]): readonly Finding[] {
  if (reverted.length === 0) return [];
  return [
    finding('stay-loaded', {
      message: `Reverted but still loaded afterwards: ${namesText(reverted)}`,
    }),
  ];
}

function namesText(payloads: readonly LoadedPayload[]): string {
  return payloads.map((payload) => nameText(payload.name)).join(', ');
}
