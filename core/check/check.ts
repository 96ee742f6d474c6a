import type { BuildId } from '../abi/ids.js';
import { uncheckedNameFor } from '../abi/payload-name.js';
import { formatRelease } from '../abi/release.js';
import { type Code, type Finding, finding, type Severity } from '../findings/index.js';
import { claimsOf, hazardsOf, strayWritesOf, unusedParts } from '../hazards/index.js';
import { askGuard, type GuardAnswer, type GuardReport } from '../oldcode/index.js';
import {
  type ChainMember,
  type InputFile,
  type PayloadInput,
  type PlanPayload,
  type ReadInputs,
  readInputs,
} from '../payload/index.js';
import { type ChainReport, checkChain, type SetMode } from '../stack/index.js';
import {
  type Answer,
  answerOf,
  apply,
  findingsOfFaults,
  type Model,
  type Operation,
  replace,
  upload,
  type Verdict,
  type XenAnswer,
} from '../verify/index.js';
import { oneCauseEach, withAnswer } from './one-cause.js';
import type { CheckTarget } from './target.js';

/** What Xen answers to the upload of one payload on an otherwise empty hypervisor. */
export interface FileVerdict extends XenAnswer {
  readonly file: string;
  readonly name: string;
  /**
   * What it answers to upload and apply with just the payload's parents applied; null where one of them
   * is not among the files or not accepted itself. Of an alternative: to upload and REPLACE.
   */
  readonly inChain: XenAnswer | null;
}

/** How strict the answer is, and what it is asked of. */
export interface CheckOptions {
  /** The least severe finding that is a rejection; `error` by default. */
  readonly failOn?: Severity;
  /** What the payloads are to each other; `chain` by default. A guard `old-code` asks about independent ones. */
  readonly mode?: SetMode;
}

/** Codes that say that nothing is known of a file or a hypervisor: they reject nothing. */
const UNKNOWN: ReadonlySet<Code> = new Set<Code>([
  'not-verified',
  'file-not-found',
  'file-not-readable',
  'not-a-file',
  'file-changed',
  'no-payloads',
]);

/** True of a finding that says that nothing is known. */
export function isUnknown({ code }: Finding): boolean {
  return UNKNOWN.has(code);
}

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];

/** True where a finding is severe enough to be a rejection, and nobody lets it pass. */
export function isRejection({ severity, waiver }: Finding, failOn: Severity): boolean {
  return waiver === undefined && SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(failOn);
}

/** The answer to: do these payloads form one valid chain on that hypervisor? */
export interface CheckReport {
  /** False if any finding is as severe as what is a rejection. */
  readonly ok: boolean;
  /** The least severe finding that is one. */
  readonly failOn: Severity;
  readonly mode: SetMode | 'independent';
  readonly buildId: BuildId;
  /** The release whose rules gave the verdicts; null where there are none. */
  readonly release: string | null;
  readonly chain: readonly ChainMember[];
  /** Null where they could not be computed: see `notVerified`. */
  readonly verdicts: readonly FileVerdict[] | null;
  readonly notVerified: string | null;
  /** Null where old code was not compared. */
  readonly guard: GuardReport | null;
  /** Of the readers, of the chain, and of Xen's checks for each payload that they would not accept. */
  readonly findings: readonly Finding[];
  /** Every file that was asked about, as it was named, in that order; those that could not be read too. */
  readonly files: readonly string[];
  /** The findings on files of which nothing is known, because they could not be read from disk. */
  readonly unreadable: readonly Finding[];
}

/**
 * Reads these files as payloads, puts them into their chain, and asks Xen's rules about each. `more` are
 * findings that were made while the files were read from disk.
 */
export async function check(
  inputs: readonly InputFile[],
  target: CheckTarget,
  more: readonly Finding[] = [],
  { failOn = 'error', mode = 'chain' }: CheckOptions = {},
): Promise<CheckReport> {
  const read = readInputs(inputs);
  const unread = [...more, ...read.findings];
  const members = read.payloads.map(({ planned }) => planned);
  const hasMembers = members.length > 0;
  // Where no file is a payload, that is the finding. An empty chain would only repeat it.
  const linked = hasMembers || unread.length === 0 ? checkChain(members, target.buildId) : null;
  const { oldCode } = target;
  const guarded = oldCode && askGuard(oldCode.guard, oldCode.context, read.payloads);
  const isFree = oldCode?.guard === 'old-code';
  const isAlone = mode === 'alternatives';
  const chain =
    linked !== null && (isFree || isAlone)
      ? withoutLinks(linked, isAlone ? [] : (guarded?.order ?? []))
      : linked;
  const asUsed = (base: Model) => {
    if (isAlone) return tryAlone(read.payloads, base);
    return isFree ? tryOrder(guarded?.order ?? [], base) : tryChains(read.payloads, base);
  };
  const { model: base } = target;
  const trials = base === null ? null : tryAll(read.payloads, base, asUsed(base));
  const answers =
    base === null ? [] : read.others.map(({ input }) => [input, answerTo(input, base)] as const);
  const verdicts = trials === null ? null : inOrder(inputs, trials, answers);
  const { findings: ofFiles, refusals } = ofEachFile(read, trials ?? [], new Map(answers));
  const { rules } = target.model ?? { rules: null };
  const hazards: Finding[] = [];
  const intent = isAlone ? 'replace' : 'apply';
  const how = { intent, isCodeCompared: oldCode !== undefined } as const;
  if (rules !== null) {
    // Of all payloads: what is lost can be the very reason why Xen does not accept one.
    const fatal = refusals.filter(({ code }) => code === 'would-be-fatal');
    const isSaid = (lost: Finding) =>
      fatal.some(({ file, section }) => file === lost.file && section === lost.section);
    for (const { payload } of read.payloads) {
      hazards.push(...unusedParts(payload, rules).filter((lost) => !isSaid(lost)));
    }
  }
  for (const { payload, model, uploaded } of trials ?? []) {
    hazards.push(...strayWritesOf(payload, uploaded));
    if (model === null) continue;
    hazards.push(...claimsOf(payload, model, target.symbols));
    hazards.push(...hazardsOf(payload, model, target.symbols, how));
  }
  const guard = guarded?.report ?? null;
  const unfit = isAlone && trials === null ? unfitAlone(members, target.buildId) : [];
  const others = [
    ...[...ofTarget(target), ...more, ...ofFiles],
    ...[...(chain?.findings ?? []), ...unfit, ...refusals],
  ];
  const findings = [...others, ...guardFindings(guard, others), ...hazards];
  return {
    ok: !findings.some((found) => isRejection(found, failOn)),
    ...{ failOn, mode: isFree ? ('independent' as const) : mode },
    buildId: target.buildId,
    release: target.model === null ? null : formatRelease(target.model.rules.release),
    chain: chain?.chain ?? [],
    verdicts,
    notVerified: target.notVerified,
    guard,
    findings,
    files: [...inputs.map(({ file }) => file), ...new Set(more.flatMap(({ file }) => file ?? []))],
    unreadable: more.filter(isUnknown),
  };
}

/** Payloads that cannot take the place of all others, where Xen's rules are not there to say so. */
function unfitAlone(members: readonly PlanPayload[], hypervisor: BuildId): readonly Finding[] {
  return members.flatMap(({ file, depends, vetoingHooks }) => [
    ...(depends === hypervisor
      ? []
      : [
          finding('not-on-hypervisor', {
            file,
            message: `${file} builds on ${depends ?? 'nothing that can be read'}, but replace needs a payload that builds on the hypervisor ${hypervisor}`,
          }),
        ]),
    ...(vetoingHooks.length === 0
      ? []
      : [
          finding('replace-vetoed', {
            file,
            message: `${file} has hooks with which Xen refuses REPLACE: ${vetoingHooks.join(', ')}`,
          }),
        ]),
  ]);
}

/** What Xen answers to a file that is no payload to us. */
function answerTo({ file, bytes }: InputFile, base: Model): FileVerdict {
  const name = uncheckedNameFor(file);
  const { verdict } = upload(base, name, bytes);
  return { file, name, ...answerOf('upload', verdict), inChain: null };
}

/** A verdict for every file, in the order in which they were given. */
function inOrder(
  inputs: readonly InputFile[],
  trials: readonly PayloadTrial[],
  answers: readonly (readonly [InputFile, FileVerdict])[],
): readonly FileVerdict[] {
  const known = new Map<InputFile, FileVerdict>([
    ...trials.map(({ payload, verdict }) => [payload.input, verdict] as const),
    ...answers,
  ]);
  return inputs.flatMap((input) => known.get(input) ?? []);
}

/** What the readers found in each file, and why Xen would not take it: one cause is one finding. */
function ofEachFile(
  read: ReadInputs,
  trials: readonly PayloadTrial[],
  answers: ReadonlyMap<InputFile, FileVerdict>,
): { readonly findings: readonly Finding[]; readonly refusals: readonly Finding[] } {
  const verdictOf = new Map(trials.map(({ payload, verdict }) => [payload, verdict]));
  const refusalsOf = (verdict: FileVerdict | undefined): readonly Finding[] => {
    if (verdict === undefined) return [];
    const { operation, faults } = verdict.inChain ?? verdict;
    return findingsOfFaults(verdict, operation, faults);
  };
  const findings: Finding[] = [];
  const refusals: Finding[] = [];
  for (const input of read.payloads) {
    const own = input.payload.findings;
    const ofXen = refusalsOf(verdictOf.get(input));
    if (own.some(({ code }) => code === 'payload-no-contents')) {
      findings.push(...withAnswer(own, ofXen));
      continue;
    }
    const merged = oneCauseEach(own, ofXen);
    findings.push(...merged.ofReader);
    refusals.push(...merged.ofXen);
  }
  for (const { input, findings: own } of read.others) {
    findings.push(...withAnswer(own, refusalsOf(answers.get(input))));
  }
  return { findings, refusals };
}

/** What is to be said of the verdicts as a whole: that there are none though an image was given, or by whose rules. */
function ofTarget({
  model,
  notVerified,
  isImageGiven,
  assumption,
  imageFindings = [],
}: CheckTarget): readonly Finding[] {
  if (model === null && isImageGiven === true) {
    return [finding('not-verified', { message: `There is no verdict: ${notVerified}` })];
  }
  if (assumption == null) return imageFindings;
  const message = `The verdicts rest on this: ${assumption}`;
  return [finding('release-unknown', { message }), ...imageFindings];
}

/** One payload with its verdict, and the hypervisor on which it is loaded; null where it is not accepted. */
interface PayloadTrial {
  readonly payload: PayloadInput;
  readonly verdict: FileVerdict;
  readonly model: Model | null;
  /** What Xen answers to its upload, alone. */
  readonly uploaded: Verdict;
}

/** Chain findings that count where no link does: they are about a file. */
const FILE_FINDINGS: ReadonlySet<string> = new Set([
  'no-payloads',
  'duplicate-content',
  'duplicate-build-id',
  'wrong-hypervisor',
]);

/** The order that a guard found, or none, in place of the chain. */
function withoutLinks(linked: ChainReport, order: readonly GuardAnswer[]): ChainReport {
  const findings = linked.findings.filter(({ code }) => FILE_FINDINGS.has(code));
  return { chain: order.map(({ input }) => input.planned), cumulative: [], findings };
}

/** What is not said of the file already: that Xen does not take it, or that it builds on something else. */
function guardFindings(report: GuardReport | null, others: readonly Finding[]): readonly Finding[] {
  const wrong = new Set(others.flatMap((f) => (f.severity === 'error' ? (f.file ?? []) : [])));
  const isChainWrong = others.some(({ severity }) => severity === 'error');
  return (report?.payloads ?? []).flatMap(({ file, findings }) =>
    findings.filter(({ code }) => {
      if (code === 'trial-upload-failed' || code === 'trial-apply-failed') return !wrong.has(file);
      return code !== 'wrong-parent' || !isChainWrong;
    }),
  );
}

/** Each payload by itself, and as it is used. */
function tryAll(
  payloads: readonly PayloadInput[],
  base: Model,
  chains: ReadonlyMap<PayloadInput, ChainTrial>,
): readonly PayloadTrial[] {
  return payloads.map((payload) => {
    const { file, name } = payload.planned;
    const alone = upload(base, name, payload.input.bytes);
    const inChain = chains.get(payload);
    const verdict: FileVerdict = {
      file,
      name,
      ...answerOf('upload', alone.verdict),
      inChain: inChain?.answer ?? null,
    };
    const accepted = (inChain?.answer ?? verdict).outcome === 'accepted';
    return {
      payload,
      verdict,
      model: accepted ? (inChain?.model ?? alone.model) : null,
      uploaded: alone.verdict,
    };
  });
}

/** What Xen answers to upload and apply of one payload on top of others, and the hypervisor then. */
interface ChainTrial {
  readonly answer: XenAnswer;
  readonly model: Model;
}

/** Upload and REPLACE of each, on the hypervisor as it was booted. */
function tryAlone(
  payloads: readonly PayloadInput[],
  base: Model,
): ReadonlyMap<PayloadInput, ChainTrial> {
  return new Map(payloads.map((payload) => [payload, tryOn(base, payload, 'replace', replace)]));
}

/** Upload and apply, each on top of those before it. */
function tryOrder(
  order: readonly GuardAnswer[],
  base: Model,
): ReadonlyMap<PayloadInput, ChainTrial> {
  const trials = new Map<PayloadInput, ChainTrial>();
  let below = base;
  for (const { input, verdict } of order) {
    const result = tryInChain(input, below, verdict.needsNodeps);
    trials.set(input, result);
    below = result.model;
  }
  return trials;
}

/** Upload and apply on top of the parents, parents first; payloads that have none are left out. */
function tryChains(
  payloads: readonly PayloadInput[],
  base: Model,
): ReadonlyMap<PayloadInput, ChainTrial> {
  const after = new Map<string, Model>();
  if (base.buildId !== null) after.set(base.buildId, base);
  const trials = new Map<PayloadInput, ChainTrial>();
  const waiting = new Set(payloads);
  // Each round does at least one, or what is left has no parent to wait for.
  for (let ready = true; ready; ) {
    ready = false;
    for (const payload of waiting) {
      const { depends, buildId } = payload.planned;
      const below = depends === null ? undefined : after.get(depends);
      if (below === undefined) continue;
      const result = tryInChain(payload, below, false);
      trials.set(payload, result);
      waiting.delete(payload);
      if (result.answer.outcome === 'accepted' && buildId !== null && !after.has(buildId)) {
        after.set(buildId, result.model);
      }
      ready = true;
    }
  }
  return trials;
}

function tryInChain(payload: PayloadInput, below: Model, nodeps: boolean): ChainTrial {
  return tryOn(below, payload, 'apply', (model, name) => apply(model, name, { nodeps }));
}

/** Upload and then one action, and the hypervisor then. */
function tryOn(
  below: Model,
  { input, planned: { name } }: PayloadInput,
  operation: Operation,
  act: (model: Model, name: string) => Answer,
): ChainTrial {
  const uploaded = upload(below, name, input.bytes);
  if (uploaded.verdict.outcome.outcome !== 'accepted') {
    return { answer: answerOf('upload', uploaded.verdict), model: below };
  }
  const acted = act(uploaded.model, name);
  const both: Verdict = {
    ...acted.verdict,
    log: [...uploaded.verdict.log, ...acted.verdict.log],
    assumptions: [...uploaded.verdict.assumptions, ...acted.verdict.assumptions],
  };
  return { answer: answerOf(operation, both), model: acted.model };
}
