import { XspliceError } from '../errors.js';
import { nameText } from './name.js';
import { makePlan, type Plan, type PlanOptions, type Step } from './plan.js';
import { selectLoaded } from './select.js';
import { type LoadedPayload, type Snapshot, stackOf } from './snapshot.js';

/** The word for the hypervisor itself as the place to go back to. */
export const BASE = 'base';

/** How far to go back. */
export interface RevertTarget {
  /** Null: the top only. `base`: everything. Else the name or build-id of what is to be the top. */
  readonly to: string | null;
}

/**
 * Plans that payloads are reverted from the top down, the only order Xen allows (livepatch_action:
 * "can't unload. Top is"), until the target is the top. They stay loaded. The word `base` always
 * means the hypervisor: a payload of that name is given by its build-id.
 *
 * An empty stack, and a target that is the top, are nothing to do. Fails with `not-loaded`,
 * `ambiguous`, `not-applied`, and `unknown-stack` where the order of application is not known.
 */
export function planRevert(snapshot: Snapshot, target: RevertTarget, options: PlanOptions): Plan {
  const stack = stackOf(snapshot);
  const keep = keptOf(snapshot, stack, target);
  if (stack.length > 1 && stack.some((payload) => payload.position === null)) {
    throw new XspliceError(
      'unknown-stack',
      `${stack.length} payloads are applied, but not in which order is known`,
      { hint: 'Xen reverts only the top: name it with the tool that applied it.' },
    );
  }
  const kept = stack[keep - 1];
  const topDown = stack.slice(keep).reverse();
  if (topDown.length === 0) {
    const steps: readonly Step[] = kept === undefined ? [] : [doneStep(kept)];
    const nothing = { code: 'nothing-to-revert', severity: 'note' } as const;
    return makePlan('revert', snapshot, options, steps, [
      kept === undefined
        ? { ...nothing, message: 'No payload is applied, so there is nothing to revert' }
        : {
            ...nothing,
            message: `${nameText(kept.name)} is on top, so there is nothing to revert`,
          },
    ]);
  }
  const steps = topDown.map(({ name, buildId, depends }, index): Step => {
    const reason = reasonFor(target, index, kept);
    return { action: 'revert', name, buildId, depends, reason };
  });
  return makePlan('revert', snapshot, options, steps);
}

/** How many payloads stay, counted from the base. */
function keptOf(snapshot: Snapshot, stack: readonly LoadedPayload[], { to }: RevertTarget): number {
  if (to === null) return Math.max(0, stack.length - 1);
  if (to === BASE) return 0;
  const payload = selectLoaded(snapshot, to);
  if (payload.state !== 'APPLIED') {
    const name = nameText(payload.name);
    throw new XspliceError('not-applied', `${name} is loaded but not applied`, {
      hint: `The stack can go back only to a payload in it: ${stackText(stack)}.`,
    });
  }
  return stack.indexOf(payload) + 1;
}

function stackText(stack: readonly LoadedPayload[]): string {
  return stack.length === 0
    ? 'it is empty'
    : stack.map((payload) => nameText(payload.name)).join(', ');
}

function doneStep({ name, buildId, depends }: LoadedPayload): Step {
  return { action: 'none', name, buildId, depends, reason: 'is on top already' };
}

function reasonFor({ to }: RevertTarget, index: number, kept: LoadedPayload | undefined): string {
  const place = index === 0 ? 'is on top' : 'is on top by then';
  if (to === null) return place;
  return kept === undefined
    ? `${place}, and everything is to be reverted`
    : `${place}, above ${nameText(kept.name)}`;
}
