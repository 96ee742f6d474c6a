import { nameText } from '../abi/payload-name.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import type { LoadedPayload, Snapshot } from '../hypervisor/index.js';
import { appliedText, applyStep } from './apply-step.js';
import { doesNotAttach, knownTop, subjectOf, type Top } from './attach.js';
import { inLinkedOrder } from './linked-order.js';
import { makePlan } from './make-plan.js';
import { comparesBuildIds, type Plan, type PlanOptions, type Step } from './plan.js';
import { selectLoaded } from './select.js';

/**
 * Plans that payloads which are loaded already are applied, named by name or build-id in any order: those
 * that are applied already are left alone, the others come in the order in which they build on one another.
 * With `nodeps` linked ones keep their order, the others come in the order given.
 *
 * Fails with `no-such-payload`, `ambiguous-build-id`, `unknown-stack`, `does-not-attach`. Whether one may be
 * applied again after a revert only its file tells: Xen refuses it if not, and changes nothing.
 */
export function planApplyLoaded(
  snapshot: Snapshot,
  texts: readonly string[],
  options: PlanOptions,
): Plan {
  const guard = options.guard ?? 'build-id';
  const chosen = [...new Set(texts.map((text) => selectLoaded(snapshot, text)))];
  const done = chosen.filter(({ state }) => state === 'APPLIED');
  const open = chosen.filter(({ state }) => state !== 'APPLIED');
  const order = comparesBuildIds(guard) ? loadedOnTop(snapshot, open) : inLinkedOrder(open);
  const applies = order.map((payload, index): Step => {
    const below = order[index - 1];
    const reason = !comparesBuildIds(guard)
      ? 'is loaded; its parent is not compared'
      : `is loaded, and builds on ${below === undefined ? 'the top of the stack' : nameText(below.name)}`;
    return applyStep(payload.name, payload, guard, { reason });
  });
  const findings = order.flatMap((payload) => [
    ...staleLinkFinding(snapshot, payload),
    ...(payload.reverted === true ? [revertedBefore(payload)] : []),
  ]);
  const steps = [...done.map(loadedDoneStep), ...applies];
  return makePlan('apply', snapshot, options, steps, findings);
}

/** The order in which loaded payloads build on the top; all of them have to. */
function loadedOnTop(snapshot: Snapshot, open: readonly LoadedPayload[]): readonly LoadedPayload[] {
  if (open.length === 0) return [];
  const left = new Set(open);
  const order: LoadedPayload[] = [];
  let onto = knownTop(snapshot);
  while (left.size > 0) {
    const { id } = onto;
    const next = [...left].find(({ depends }) => depends === id);
    if (next === undefined) throw nothingAttaches(snapshot, [...left], onto);
    left.delete(next);
    order.push(next);
    if (next.buildId === null) break;
    onto = { id: next.buildId, text: nameText(next.name) };
  }
  const [last] = order.slice(-1);
  const [rest] = left;
  if (last === undefined || rest === undefined) return order;
  throw new XspliceError(
    'unknown-stack',
    `The build-id of ${nameText(last.name)} is not known, so it cannot be said whether ${nameText(rest.name)} builds on it`,
  );
}

/** Why none of these loaded payloads can be the next. */
function nothingAttaches(
  snapshot: Snapshot,
  left: readonly LoadedPayload[],
  onto: Top,
): XspliceError {
  const isRoot = ({ depends }: LoadedPayload) => !left.some(({ buildId }) => buildId === depends);
  const [first] = [...left.filter(isRoot), ...left];
  const name = first === undefined ? '' : nameText(first.name);
  if (first !== undefined && first.depends !== null) {
    return doesNotAttach(snapshot, subjectOf(first, name), first.depends, onto);
  }
  return new XspliceError(
    'unknown-stack',
    `It is not known on which build-id ${name} builds, so it cannot be compared with ${onto.text}`,
  );
}

function loadedDoneStep(payload: LoadedPayload): Step {
  const { name, buildId, depends } = payload;
  return { action: 'none', name, buildId, depends, reason: appliedText(payload) };
}

function revertedBefore({ name }: LoadedPayload): Finding {
  return finding('reverted-before', {
    payload: nameText(name),
    message: `${nameText(name)} was applied and reverted before: Xen refuses to apply it again if it has writable data of its own`,
  });
}

/** A payload is linked when it is uploaded: with the copy of its parent that was there then. */
function staleLinkFinding(snapshot: Snapshot, payload: LoadedPayload): readonly Finding[] {
  const parent = snapshot.payloads.findIndex(
    (p) => p.buildId !== null && p.buildId === payload.depends,
  );
  const below = snapshot.payloads[parent];
  if (below === undefined || parent < snapshot.payloads.indexOf(payload)) return [];
  return [
    finding('uploaded-before-parent', {
      message: `${nameText(payload.name)} was uploaded before ${nameText(below.name)}, on which it builds: what it uses of it may point to a copy that is gone`,
    }),
  ];
}
