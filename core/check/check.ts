import type { BuildId } from '../abi/ids.js';
import { formatRelease } from '../abi/release.js';
import { type Finding, finding, type Severity } from '../findings/index.js';
import { claimsOf, hazardsOf, unusedParts } from '../hazards/index.js';
import { askGuard, type GuardAnswer, type GuardReport } from '../oldcode/index.js';
import {
  type ChainMember,
  type InputFile,
  type PayloadInput,
  readInputs,
} from '../payload/index.js';
import { type ChainReport, checkChain, type SetMode } from '../stack/index.js';
import type { Model } from '../verify/index.js';
import { unfitAlone } from './alternatives.js';
import { inOrder, ofEachFile, tryOther } from './file-findings.js';
import type { FileVerdict } from './file-verdict.js';
import { isRejection, isUnknown } from './rejection.js';
import type { CheckTarget } from './target.js';
import {
  type Look,
  lookedAt,
  lookedAtAll,
  tryAll,
  tryAlone,
  tryChains,
  type UsedTrial,
} from './trials.js';

/** How strict the answer is, and what it is asked of. */
export interface CheckOptions {
  /** The least severe finding that is a rejection; `error` by default. */
  readonly failOn?: Severity;
  /** What the payloads are to each other; `chain` by default. A guard `old-code` asks about independent ones. */
  readonly mode?: SetMode;
  /** Called while it goes on: how much of all is done, as numbers that only their ratio has a meaning of. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The answer to: do these payloads form one valid chain on that hypervisor? */
export interface CheckReport {
  /** False if any finding is as severe as what is a rejection. */
  readonly ok: boolean;
  /** The least severe finding that is one. */
  readonly failOn: Severity;
  readonly mode: SetMode | 'independent';
  /** Null where it is not known, and no payload says which one it was built for. */
  readonly buildId: BuildId | null;
  /** The release whose rules gave the verdicts; null where there are none. */
  readonly release: string | null;
  readonly chain: readonly ChainMember[];
  /** All payloads whose contents could be read, those of the chain included, in the order in which they were named. */
  readonly members: readonly ChainMember[];
  /** Null where they could not be computed: see `notVerified`. */
  readonly verdicts: readonly FileVerdict[] | null;
  readonly notVerified: string | null;
  /** Null where old code was not compared. */
  readonly guard: GuardReport | null;
  /** Of the readers, of the chain, and of Xen's checks for each payload that they would not accept. */
  readonly findings: readonly Finding[];
  /** Every file that was asked about, as it was named, in that order; those that could not be read too. */
  readonly files: readonly string[];
  /** Of files that were tried on a hypervisor: how long that took, in milliseconds; absent where none was. */
  readonly triedMs?: ReadonlyMap<string, number>;
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
  { failOn = 'error', mode = 'chain', onProgress }: CheckOptions = {},
): Promise<CheckReport> {
  const read = readInputs(inputs);
  const unread = [...more, ...read.findings];
  const members = read.payloads.map(({ planned }) => planned);
  const hasMembers = members.length > 0;
  // Where no file is a payload, that is the finding. An empty chain would only repeat it.
  const linked = hasMembers || unread.length === 0 ? checkChain(members, target.buildId) : null;
  const { oldCode, model: base } = target;
  // Each is tried in its place and by itself, and compared before.
  const total = read.payloads.length * (oldCode === undefined ? 2 : 3);
  let done = 0;
  const onStep = () => onProgress?.(++done, total);
  const isFree = oldCode?.guard === 'old-code';
  const isAlone = mode === 'alternatives';
  const how = {
    intent: isAlone ? ('replace' as const) : ('apply' as const),
    isCodeCompared: oldCode !== undefined,
  };
  const look: Look = (payload, loaded) => [
    ...claimsOf(payload, loaded, target.symbols),
    ...hazardsOf(payload, loaded, target.symbols, how),
  ];
  const placed: UsedTrial[] = [];
  const guarded =
    oldCode &&
    askGuard(oldCode.guard, oldCode.context, read.payloads, (payload, answer) => {
      onStep();
      if (!isAlone) placed.push(lookedAt({ payload, ...answer }, look));
    });
  const chain =
    linked !== null && (isFree || isAlone)
      ? withoutLinks(linked, isAlone ? [] : (guarded?.order ?? []))
      : linked;
  // Where the guard placed all of a chain, it was asked about that chain.
  const isPlaced = isFree || guarded?.refused.length === 0;
  const asUsed = (on: Model): Iterable<UsedTrial> => {
    if (!isAlone && isPlaced) return placed;
    return lookedAtAll((isAlone ? tryAlone : tryChains)(read.payloads, on), look);
  };
  const trials = base === null ? null : tryAll(read.payloads, base, asUsed(base), look, onStep);
  const others = base === null ? [] : read.others.map(({ input }) => tryOther(input, base));
  const verdicts = trials === null ? null : inOrder(inputs, trials, others);
  const isForeign = ({ code }: Finding) => code === 'wrong-hypervisor';
  const ofChain = chain?.findings ?? [];
  const {
    findings: ofFiles,
    refusals,
    foreign,
  } = ofEachFile(read, trials ?? [], others, ofChain.filter(isForeign));
  const found = [...(trials ?? []), ...others].flatMap((trial) => trial.found);
  const hazards = [...lostParts(read.payloads, base, refusals), ...found];
  const guard = guarded?.report ?? null;
  const isUntried = isAlone && trials === null && target.buildId !== null;
  const unfit = isUntried ? unfitAlone(members, target.buildId) : [];
  const said = [
    ...[...ofTarget(target), ...more, ...ofFiles],
    ...[...foreign, ...ofChain.filter((one) => !isForeign(one)), ...unfit, ...refusals],
  ];
  const findings = [...said, ...guardFindings(guard, said), ...hazards];
  return {
    ok: !findings.some((found) => isRejection(found, failOn)),
    ...{ failOn, mode: isFree ? ('independent' as const) : mode },
    buildId: target.buildId,
    release: target.model === null ? null : formatRelease(target.model.rules.release),
    chain: chain?.chain ?? [],
    members,
    verdicts,
    notVerified: target.notVerified,
    guard,
    findings,
    files: [...inputs.map(({ file }) => file), ...new Set(more.flatMap(({ file }) => file ?? []))],
    unreadable: more.filter(isUnknown),
  };
}

/** What Xen passes over in the payloads. What a refusal says already is left out. */
function lostParts(
  payloads: readonly PayloadInput[],
  base: Model | null,
  refusals: readonly Finding[],
): readonly Finding[] {
  if (base === null) return [];
  const fatal = refusals.filter(({ code }) => code === 'would-be-fatal');
  const isSaid = (lost: Finding) =>
    fatal.some(({ file, section }) => file === lost.file && section === lost.section);
  // Of all payloads: what is lost can be the very reason why Xen does not accept one.
  return payloads.flatMap(({ payload }) =>
    unusedParts(payload, base.rules).filter((part) => !isSaid(part)),
  );
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
