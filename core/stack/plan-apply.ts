import type { BuildId } from '../abi/ids.js';
import { nameText } from '../abi/payload-name.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import type { ChainMember, PlanPayload } from '../payload/index.js';
import { checkChain } from './chain.js';
import { checkHypervisor, loadSteps } from './load-steps.js';
import { makePlan } from './make-plan.js';
import {
  type ApplyTerms,
  comparesBuildIds,
  type Guard,
  type Plan,
  type PlanCommand,
  type PlanOptions,
  type Step,
} from './plan.js';
import { selectLoaded } from './select.js';

/**
 * Plans that all these files are applied, given in any order: those that are applied already are
 * left alone, the others are brought into the order in which they build on one another from the
 * stack's top, uploaded where they are not loaded, and then applied. All uploads come first, so that
 * nothing is applied if one is refused. A payload that was reverted and cannot be applied again (or
 * of which neither is known) is unloaded and uploaded anew, as Xen wants it (livepatch_action, 4.7
 * on).
 *
 * With the guard `old-code` or `nodeps` the files need not build on the top, and not on one another:
 * linked ones keep their order, the others come in the order given, and APPLY gets NODEPS. Where the
 * guard was asked about each (`terms`), the order given is kept and only those get NODEPS that
 * Xen would refuse by build-id.
 *
 * Fails with `no-payloads`, `hypervisor-no-build-id`, `unknown-stack` (the top's id or the order is not known),
 * `does-not-attach` (nothing to be applied builds on the top: with the id expected and the one
 * found), `not-a-chain` (with the findings of the chain check), `name-taken`, `wrong-hypervisor`.
 */
export function planApply(
  snapshot: Snapshot,
  payloads: readonly PlanPayload[],
  options: PlanOptions,
): Plan {
  return planFiles('apply', snapshot, payloads, options);
}

/** Plans that this one file is uploaded and applied: {@link planApply} of one. */
export function planLoad(snapshot: Snapshot, payload: PlanPayload, options: PlanOptions): Plan {
  return planFiles('load', snapshot, [payload], options);
}

function planFiles(
  command: PlanCommand,
  snapshot: Snapshot,
  payloads: readonly PlanPayload[],
  options: PlanOptions,
): Plan {
  const guard = options.guard ?? 'build-id';
  const files = [...new Map(payloads.map((payload) => [payload.file, payload])).values()];
  if (files.length === 0) {
    throw new XspliceError('no-payloads', 'No payload file was given or found');
  }
  const done: Step[] = [];
  const open: PlanPayload[] = [];
  for (const payload of files) {
    const applied = findApplied(snapshot, payload.buildId);
    if (applied) done.push(doneStep(payload, applied));
    else open.push(payload);
  }
  if (open.length === 0) return makePlan(command, snapshot, options, done);

  const findings: Finding[] = [];
  const order = orderOf(snapshot, open, options, findings);
  const loads = loadSteps(snapshot, order);
  const applies = order.map((payload, index): Step => {
    const name = loads.names.get(payload) ?? payload.name;
    const ownTerms = options.terms?.get(payload.file);
    const reason = whyApplied(snapshot, payload, order[index - 1], guard, ownTerms);
    const step = applyStep(name, payload, guard, { file: payload.file, reason });
    return ownTerms === undefined ? step : { ...step, nodeps: ownTerms.needsNodeps };
  });
  return makePlan(command, snapshot, options, [...done, ...loads.steps, ...applies], findings);
}

function orderOf(
  snapshot: Snapshot,
  open: readonly PlanPayload[],
  { guard = 'build-id', terms }: PlanOptions,
  findings: Finding[],
): readonly PlanPayload[] {
  if (comparesBuildIds(guard)) return orderOnTop(snapshot, open, findings);
  checkFreeOrder(snapshot, open);
  if (terms === undefined) return orderByLinks(open, guard, findings);
  const unlinked = open.filter(({ file }) => terms.get(file)?.needsNodeps !== false);
  if (unlinked.length > 0) {
    findings.push(
      finding('parents-not-compared', {
        severity: 'note',
        message: `Xen is told not to compare the parent (NODEPS) of ${unlinked.length} of ${open.length}: the code that is replaced was compared instead`,
      }),
    );
  }
  return open;
}

/**
 * Plans that payloads which are loaded already are applied, named by name or build-id in any order: those
 * that are applied already are left alone, the others come in the order in which they build on one another.
 * With `nodeps` linked ones keep their order, the others come in the order given.
 *
 * Fails with `no-such-payload`, `ambiguous-build-id`, `unknown-stack`, `does-not-attach`. Whether one may be
 * applied again after a revert only its file tells: Xen refuses it if not, and changes nothing.
 */
export function planApplyUploaded(
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
    return doesNotAttach(snapshot, name, first.depends, onto);
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

interface Top {
  readonly id: BuildId;
  /** `the hypervisor` or `NAME, the top of the stack`. */
  readonly text: string;
}

/** What the next payload has to build on. Fails where that is not known. */
function knownTop(snapshot: Snapshot): Top {
  const stack = stackOf(snapshot);
  const top = stack.at(-1);
  if (top === undefined) {
    const id = snapshot.hypervisor.buildId;
    if (id !== null) return { id, text: 'the hypervisor' };
    throw new XspliceError('hypervisor-no-build-id', 'The hypervisor has no build-id');
  }
  if (stack.length > 1 && stack.some((payload) => payload.position === null)) {
    throw new XspliceError(
      'unknown-stack',
      `${stack.length} payloads are applied, but not in which order is known`,
    );
  }
  if (top.buildId === null) {
    throw new XspliceError(
      'unknown-stack',
      `The build-id of ${nameText(top.name)}, the top of the stack, is not known`,
    );
  }
  return { id: top.buildId, text: `${nameText(top.name)}, the top of the stack` };
}

/** The order in which the files build on the top; all of them have to. */
function orderOnTop(
  snapshot: Snapshot,
  open: readonly PlanPayload[],
  findings: Finding[],
): readonly PlanPayload[] {
  const top = knownTop(snapshot);
  const hypervisor = snapshot.hypervisor.buildId;
  if (hypervisor === null) {
    throw new XspliceError('hypervisor-no-build-id', 'The hypervisor has no build-id');
  }
  for (const payload of open) {
    if (payload.buildId === null) throw unreadable(payload, 'build-id of its own');
    if (payload.depends === null) throw unreadable(payload, "parent's build-id");
  }
  const report = checkChain(open, hypervisor, top.id);
  const errors = report.findings.filter((finding) => finding.severity === 'error');
  const missing = errors.filter((finding) => finding.code === 'missing-parent');
  const [gap] = missing;
  if (gap !== undefined && errors.length === missing.length) {
    const payload = open.find((p) => p.file === gap.file);
    if (payload?.depends) {
      const onto = endOf(report.chain) ?? top;
      throw doesNotAttach(snapshot, payload.file, payload.depends, onto, gap);
    }
  }
  if (report.chain.length < open.length) {
    const [first] = errors.length > 0 ? errors : report.findings;
    throw new XspliceError(
      first?.code === 'wrong-hypervisor' ? 'wrong-hypervisor' : 'not-a-chain',
      first?.message ?? 'These payloads are not one chain',
      { findings: report.findings, ...(first?.hint === undefined ? {} : { hint: first.hint }) },
    );
  }
  const refusal = XspliceError.of(errors);
  if (refusal !== null) throw refusal;
  findings.push(...report.findings.filter((finding) => finding.code !== 'cumulative'));
  return payloadsOf(report.chain, open);
}

/** Where the order is free: ids have to be readable and different, and the hypervisor the right one. */
function checkFreeOrder(snapshot: Snapshot, open: readonly PlanPayload[]): void {
  const ids = new Set(open.map((payload) => payload.buildId));
  const hypervisor = snapshot.hypervisor.buildId;
  for (const payload of open) {
    if (payload.buildId === null) throw unreadable(payload, 'build-id of its own');
  }
  if (ids.size < open.length) {
    throw new XspliceError('not-a-chain', 'Two of these files have the same build-id', {
      hint: 'Remove one of them: Xen loads a build-id only once.',
      findings: hypervisor === null ? [] : checkChain(open, hypervisor).findings,
    });
  }
  checkHypervisor(snapshot, open);
}

/** Linked files in their order, others in the order given. */
function orderByLinks(
  open: readonly PlanPayload[],
  guard: Guard,
  findings: Finding[],
): readonly PlanPayload[] {
  findings.push(
    finding('parents-not-compared', {
      message:
        guard === 'old-code'
          ? 'Xen is told not to compare parents (NODEPS): the code that is replaced is compared instead'
          : 'Xen is told not to compare parents (NODEPS), and nothing else is compared instead',
    }),
  );
  return inLinkedOrder(open);
}

/** Each behind those of the others that it builds on, else in the order given. */
function inLinkedOrder<Member extends Pick<Step, 'buildId' | 'depends'>>(
  open: readonly Member[],
): readonly Member[] {
  const byId = new Map(open.map((payload) => [payload.buildId, payload]));
  const order = new Set<Member>();
  for (const payload of open) {
    const below = new Set<Member>();
    let at: Member | undefined = payload;
    while (at !== undefined && !order.has(at) && !below.has(at)) {
      below.add(at);
      at = at.depends === null ? undefined : byId.get(at.depends);
    }
    for (const next of [...below].reverse()) order.add(next);
  }
  return [...order];
}

function unreadable(payload: PlanPayload, what: string): XspliceError {
  return new XspliceError('payload-no-build-id', `${payload.file} has no ${what} that can be read`);
}

function payloadsOf(
  chain: readonly ChainMember[],
  open: readonly PlanPayload[],
): readonly PlanPayload[] {
  const byFile = new Map(open.map((payload) => [payload.file, payload]));
  return chain.flatMap((member) => byFile.get(member.file) ?? []);
}

/** What a payload would be applied on once all of this chain is. */
function endOf(chain: readonly ChainMember[]): Top | null {
  const end = chain.at(-1);
  return end === undefined || end.buildId === null ? null : { id: end.buildId, text: end.file };
}

/** The refusal with the id expected, the id found, and what would be needed first. */
function doesNotAttach(
  snapshot: Snapshot,
  subject: string,
  found: BuildId,
  onto: Top,
  files: Pick<Finding, 'file' | 'otherFiles'> = {},
): XspliceError {
  const message = `${subject} builds on ${found}, but what it would be applied on is ${onto.text} (${onto.id})`;
  const hint = whatIsNeededFirst(snapshot, found);
  const why = finding('does-not-attach', {
    message,
    hint,
    ...(files.file === undefined ? {} : { file: files.file }),
    ...(files.otherFiles === undefined ? {} : { otherFiles: files.otherFiles }),
    expected: onto.id,
    actual: found,
  });
  return new XspliceError('does-not-attach', message, { hint, findings: [why] });
}

function whatIsNeededFirst(snapshot: Snapshot, parent: BuildId): string {
  if (parent === snapshot.hypervisor.buildId) {
    return 'It builds on the hypervisor itself: use replace, or revert --to base first.';
  }
  const loaded = snapshot.payloads.find((payload) => payload.buildId === parent);
  if (loaded === undefined) return `Apply the payload with the build-id ${parent} first.`;
  const name = nameText(loaded.name);
  return loaded.state === 'APPLIED'
    ? `It builds on ${name}, which has other payloads above it: revert --to ${name} first.`
    : `It builds on ${name}, which is loaded but not applied: apply ${name} first.`;
}

function findApplied(snapshot: Snapshot, id: BuildId | null): LoadedPayload | undefined {
  if (id === null) return undefined;
  return snapshot.payloads.find((p) => p.state === 'APPLIED' && p.buildId === id);
}

function doneStep(payload: PlanPayload, applied: LoadedPayload): Step {
  const { buildId, depends, file, sha256 } = payload;
  return {
    action: 'none',
    name: applied.name,
    buildId,
    depends,
    file,
    sha256,
    reason: appliedText(applied),
  };
}

function appliedText(payload: LoadedPayload): string {
  return payload.position === null
    ? 'is applied already'
    : `is applied already, at position ${payload.position}`;
}

function applyStep(
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

function whyApplied(
  snapshot: Snapshot,
  payload: PlanPayload,
  previous: PlanPayload | undefined,
  guard: Guard,
  ownTerms: ApplyTerms | undefined,
): string {
  if (!comparesBuildIds(guard)) {
    return ownTerms?.reason ?? 'was asked for; its parent is not compared';
  }
  const code = ownTerms === undefined ? '' : `; ${ownTerms.reason}`;
  return `${whatBelow(snapshot, payload, previous)}${code}`;
}

function whatBelow(
  snapshot: Snapshot,
  payload: PlanPayload,
  previous: PlanPayload | undefined,
): string {
  if (previous !== undefined) return `builds on ${nameText(previous.name)}`;
  const top = stackOf(snapshot).at(-1);
  return top === undefined || payload.depends === null
    ? 'builds on the hypervisor'
    : `builds on ${nameText(top.name)}, the top of the stack`;
}
