import { assertNever, InternalError } from '../findings/index.js';
import { type LoadedPayload, type Snapshot, stackOf, topOf } from '../hypervisor/index.js';
import type { Step } from './plan.js';

/**
 * The snapshot once every step has succeeded. Pure; says nothing on whether the hypervisor will let
 * them succeed, but holds each to the rules of the stack (livepatch_action, common/livepatch.c):
 * upload needs a new name and id; apply an unapplied payload built on the top, or nodeps; replace one
 * built on the hypervisor; revert the top; unload an unapplied one. A step that breaks a rule is a
 * planner's mistake: InternalError.
 */
export function applySteps(snapshot: Snapshot, steps: readonly Step[]): Snapshot {
  return steps.reduce(applyStep, snapshot);
}

function applyStep(snapshot: Snapshot, step: Step): Snapshot {
  switch (step.action) {
    case 'none':
      return snapshot;
    case 'upload':
      return uploaded(snapshot, step);
    case 'apply':
      return applied(snapshot, step);
    case 'revert':
      return reverted(snapshot, step);
    case 'replace':
      return replaced(snapshot, step);
    case 'unload': {
      const target = unapplied(snapshot, step);
      return { ...snapshot, payloads: snapshot.payloads.filter((p) => p !== target) };
    }
    default:
      return assertNever(step.action);
  }
}

function uploaded(snapshot: Snapshot, step: Step): Snapshot {
  if (step.file === undefined || step.sha256 === undefined) {
    throw broken(step, 'has no file');
  }
  const clash = snapshot.payloads.find(
    (p) => p.name === step.name || (p.buildId !== null && p.buildId === step.buildId),
  );
  if (clash) throw broken(step, `meets ${JSON.stringify(clash.name)}, which is loaded`);
  const payload: LoadedPayload = {
    name: step.name,
    state: 'CHECKED',
    rc: 0,
    buildId: step.buildId,
    depends: step.depends,
    position: null,
    metadata: [],
    functions: null,
    reverted: false,
  };
  return { ...snapshot, payloads: [...snapshot.payloads, payload] };
}

function applied(snapshot: Snapshot, step: Step): Snapshot {
  const target = unapplied(snapshot, step);
  const below = topOf(snapshot);
  const expected = below === null ? snapshot.hypervisor.buildId : below.buildId;
  if (step.nodeps !== true && (expected === null || step.depends !== expected)) {
    throw broken(step, `builds on ${step.depends ?? 'nothing known'}, the top is ${expected}`);
  }
  // Numbers all anew, since the order of those below may not have been known.
  const order = new Map([...stackOf(snapshot), target].map((p, index) => [p, index + 1]));
  const payloads = snapshot.payloads.map((p): LoadedPayload => {
    const position = order.get(p) ?? null;
    return p === target ? { ...p, state: 'APPLIED', rc: 0, position } : { ...p, position };
  });
  return { ...snapshot, payloads };
}

function reverted(snapshot: Snapshot, step: Step): Snapshot {
  const top = topOf(snapshot);
  if (top === null || top.name !== step.name) throw broken(step, 'is not on top');
  const payloads = snapshot.payloads.map((p) => (p === top ? checkedAgain(p) : p));
  return { ...snapshot, payloads };
}

function replaced(snapshot: Snapshot, step: Step): Snapshot {
  const target = unapplied(snapshot, step);
  const hypervisor = snapshot.hypervisor.buildId;
  if (hypervisor === null || step.depends !== hypervisor) {
    throw broken(step, `builds on ${step.depends ?? 'nothing known'}, not on the hypervisor`);
  }
  const payloads = snapshot.payloads.map((p): LoadedPayload => {
    if (p === target) return { ...p, state: 'APPLIED', rc: 0, position: 1 };
    return p.state === 'APPLIED' ? checkedAgain(p) : p;
  });
  return { ...snapshot, payloads };
}

function unapplied(snapshot: Snapshot, step: Step): LoadedPayload {
  const target = snapshot.payloads.find((p) => p.name === step.name);
  if (target === undefined) throw broken(step, 'is not loaded');
  if (target.state !== 'CHECKED') throw broken(step, 'is applied');
  return target;
}

function checkedAgain(payload: LoadedPayload): LoadedPayload {
  return { ...payload, state: 'CHECKED', rc: 0, position: null, reverted: true };
}

function broken(step: Step, why: string): InternalError {
  return new InternalError(`planned ${step.action} of ${JSON.stringify(step.name)}, which ${why}`);
}
