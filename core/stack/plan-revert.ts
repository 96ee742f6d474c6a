import { nameText } from '../abi/payload-name.js';
import { typedDigits } from '../abi/typed-id.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import { makePlan } from './make-plan.js';
import type { Plan, PlanOptions, Step } from './plan.js';
import { selectLoaded } from './select.js';

/** The word for the hypervisor itself as the place to go back to. */
export const BASE = 'base';

/** How far to go back. */
export interface RevertTarget {
  /** A name or build-id that the top has to have; absent where it is not said. */
  readonly top?: string;
  /** Null: the top only. `base`: everything. Else the name or build-id of what is to be the top. */
  readonly to: string | null;
}

/**
 * Plans that payloads are reverted from the top down, the only order Xen allows (livepatch_action:
 * "can't unload. Top is"), until the target is the top. They stay loaded. The word `base`
 * means the hypervisor, whose own id means it too. Where a loaded payload has that name, the word is refused.
 *
 * An empty stack, and a target that is the top, are nothing to do. Fails with `no-such-payload`,
 * `ambiguous-build-id`, `ambiguous-target`, `target-not-applied`, `not-on-top`, and `unknown-stack` where the order of application is not known.
 */
export function planRevert(snapshot: Snapshot, target: RevertTarget, options: PlanOptions): Plan {
  const stack = stackOf(snapshot);
  if (target.top !== undefined) requireTop(snapshot, stack, target.top);
  const keep = keptOf(snapshot, stack, target);
  requireOrder(stack);
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

/**
 * Plans that one payload is taken out of the stack, wherever it is: those above it are reverted first,
 * as Xen requires, and applied again after it in the order they had, with NODEPS where they do not
 * build on what is below them then.
 *
 * `whyNot` says why a payload above cannot be applied again without this one, in words that follow
 * "NAME: "; null where it can. Fails with `not-reapplicable` where one cannot, and as
 * {@link planRevert} does.
 */
export function planRevertOne(
  snapshot: Snapshot,
  text: string,
  options: PlanOptions,
  whyNot: (above: LoadedPayload) => string | null,
): Plan {
  const stack = stackOf(snapshot);
  const kept = keptOf(snapshot, stack, { to: text }) - 1;
  requireOrder(stack);
  const [target, ...above] = stack.slice(kept);
  if (target === undefined) return makePlan('revert', snapshot, options, []);
  const findings = above.flatMap((payload): readonly Finding[] => {
    const why = whyNot(payload);
    if (why === null) return [];
    const message = `${nameText(payload.name)} is above ${nameText(target.name)} and cannot be applied again without it: ${why}`;
    return [finding('not-reapplicable', { message })];
  });
  const refusal = XspliceError.of(findings, {
    hint: `Revert everything from ${nameText(target.name)} up, then apply the files of those that are to stay.`,
  });
  if (refusal !== null) throw refusal;
  const name = nameText(target.name);
  const reverts = [...above].reverse().map(({ name: each, buildId, depends }): Step => {
    return { action: 'revert', name: each, buildId, depends, reason: `is above ${name}` };
  });
  const { buildId, depends } = target;
  const reason = above.length === 0 ? 'is on top' : 'is on top by then';
  const revert: Step = { action: 'revert', name: target.name, buildId, depends, reason };
  const below = stack[kept - 1];
  let topId = below === undefined ? snapshot.hypervisor.buildId : below.buildId;
  const applies = above.map((payload): Step => {
    const nodeps = topId === null || payload.depends !== topId;
    topId = payload.buildId;
    return {
      action: 'apply',
      name: payload.name,
      buildId: payload.buildId,
      depends: payload.depends,
      reason: `stays; shares no code or data with ${name}`,
      nodeps,
      guard: options.guard ?? 'old-code',
    };
  });
  return makePlan('revert', snapshot, options, [...reverts, revert, ...applies]);
}

/** Fails with `not-on-top`, and as selectLoaded does. */
function requireTop(snapshot: Snapshot, stack: readonly LoadedPayload[], text: string): void {
  requireOrder(stack);
  const payload = selectLoaded(snapshot, text);
  const top = stack.at(-1);
  if (payload === top) return;
  const is = top === undefined ? 'nothing is applied' : `that is ${nameText(top.name)}`;
  throw new XspliceError(
    'not-on-top',
    `revert takes no ${JSON.stringify(text)}: it reverts the top, and ${is}`,
  );
}

/** Fails with `unknown-stack`. */
function requireOrder(stack: readonly LoadedPayload[]): void {
  if (stack.length < 2 || stack.every((payload) => payload.position !== null)) return;
  throw new XspliceError(
    'unknown-stack',
    `${stack.length} payloads are applied, but not in which order is known`,
    { hint: 'Xen reverts only the top: name it with the tool that applied it.' },
  );
}

/** How many payloads stay, counted from the base. */
function keptOf(snapshot: Snapshot, stack: readonly LoadedPayload[], { to }: RevertTarget): number {
  if (to === null) return Math.max(0, stack.length - 1);
  if (isHypervisor(snapshot, to)) return 0;
  const payload = selectLoaded(snapshot, to);
  if (payload.state !== 'APPLIED') {
    const name = nameText(payload.name);
    throw new XspliceError('target-not-applied', `${name} is loaded but not applied`, {
      hint: `The stack can go back only to a payload in it: ${stackText(stack)}.`,
    });
  }
  return stack.indexOf(payload) + 1;
}

/** True for the word `base`, and for 8 or more digits of the hypervisor's own id. */
function isHypervisor({ hypervisor, payloads }: Snapshot, to: string): boolean {
  const { buildId } = hypervisor;
  const namesake = payloads.find(({ name }) => name === BASE);
  if (to === BASE && namesake !== undefined) {
    const id = namesake.buildId;
    throw new XspliceError(
      'ambiguous-target',
      'base is the hypervisor, and a loaded payload is called base as well',
      {
        hint: `The payload is meant by --to ${id ?? 'and its build-id'}, the hypervisor by --to ${buildId ?? 'and its build-id'}.`,
      },
    );
  }
  if (to === BASE) return true;
  const digits = typedDigits(to);
  if (digits === null || buildId?.startsWith(digits) !== true) return false;
  const alike = payloads.filter((payload) => payload.buildId?.startsWith(digits));
  if (buildId === digits || alike.length === 0) return true;
  const names = alike.map(({ name, buildId: id }) => `${nameText(name)} (${id})`).join(', ');
  throw new XspliceError(
    'ambiguous-build-id',
    `The hypervisor (${buildId}) and ${names} start with ${to}`,
  );
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
