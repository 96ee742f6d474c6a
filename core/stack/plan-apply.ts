import type { BuildId } from '../abi/ids.js';
import { nameText } from '../abi/payload-name.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import type { ChainMember, PlanPayload } from '../payload/index.js';
import { appliedText, applyStep } from './apply-step.js';
import { doesNotAttach, knownTop, subjectOf, type Top } from './attach.js';
import { checkChain } from './chain.js';
import { filesText } from './chain-findings.js';
import { inLinkedOrder } from './linked-order.js';
import { checkHypervisor, loadSteps } from './load-steps.js';
import { makePlan } from './make-plan.js';
import { otherContentsText } from './other-contents.js';
import {
  type ApplyTerms,
  comparesBuildIds,
  type Guard,
  type Plan,
  type PlanCommand,
  type PlanOptions,
  type Step,
} from './plan.js';

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

  const { order, findings } = orderOf(snapshot, open, options);
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

/** In which order files are applied, and what is to be said about it. */
interface Order {
  readonly order: readonly PlanPayload[];
  readonly findings: readonly Finding[];
}

function orderOf(
  snapshot: Snapshot,
  open: readonly PlanPayload[],
  { guard = 'build-id', terms }: PlanOptions,
): Order {
  if (comparesBuildIds(guard)) return orderOnTop(snapshot, open);
  checkFreeOrder(snapshot, open);
  if (terms === undefined) return orderByLinks(open, guard);
  const unlinked = open.filter(({ file }) => terms.get(file)?.needsNodeps !== false);
  if (unlinked.length === 0) return { order: open, findings: [] };
  const message = `Xen is told not to compare the parent (NODEPS) of ${unlinked.length} of ${open.length}: the code that is replaced was compared instead`;
  return {
    order: open,
    findings: [finding('parents-not-compared', { severity: 'note', message })],
  };
}

/** The order in which the files build on the top; all of them have to. */
function orderOnTop(snapshot: Snapshot, open: readonly PlanPayload[]): Order {
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
  const bare = open.filter(({ depends }) => depends === hypervisor && depends !== top.id);
  const [firstBare] = bare;
  if (firstBare !== undefined && errors.every(({ code }) => code !== 'wrong-hypervisor')) {
    const [file, ...otherFiles] = bare.map((payload) => payload.file);
    const functions = bare.flatMap((payload) => payload.functions);
    const subject = { text: filesText(bare), functions, count: bare.length };
    throw doesNotAttach(snapshot, subject, hypervisor, top, {
      ...(file === undefined ? {} : { file }),
      ...(otherFiles.length === 0 ? {} : { otherFiles }),
    });
  }
  const missing = errors.filter((finding) => finding.code === 'missing-parent');
  const [gap] = missing;
  if (gap !== undefined && errors.length === missing.length) {
    const payload = open.find((p) => p.file === gap.file);
    if (payload?.depends) {
      const onto = endOf(report.chain) ?? top;
      throw doesNotAttach(snapshot, subjectOf(payload, payload.file), payload.depends, onto, gap);
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
  const findings = report.findings.filter(({ code }) => code !== 'cumulative');
  return { order: payloadsOf(report.chain, open), findings };
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
function orderByLinks(open: readonly PlanPayload[], guard: Guard): Order {
  const instead =
    guard === 'old-code'
      ? ': the code that is replaced is compared instead'
      : ', and nothing else is compared instead';
  const message = `Xen is told not to compare parents (NODEPS)${instead}`;
  return { order: inLinkedOrder(open), findings: [finding('parents-not-compared', { message })] };
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
    reason: `${appliedText(applied)}${otherContentsText(payload, applied)}`,
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
