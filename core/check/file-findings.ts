import { uncheckedNameFor } from '../abi/payload-name.js';
import type { Finding } from '../findings/index.js';
import { strayWritesOf } from '../hazards/index.js';
import type { InputFile, ReadInputs } from '../payload/index.js';
import { answerOf, type Fault, findingsOfFaults, type Model, upload } from '../verify/index.js';
import type { FileVerdict } from './file-verdict.js';
import { oneCauseEach, withAnswer } from './one-cause.js';
import type { PayloadTrial } from './trials.js';

/** A file that is no payload to us, with what Xen answers to it. */
export interface OtherTrial {
  readonly input: InputFile;
  readonly verdict: FileVerdict;
  /** What Xen does outside it while it reads it. */
  readonly found: readonly Finding[];
}

/** What Xen answers to a file that is no payload to us. */
export function tryOther(input: InputFile, base: Model): OtherTrial {
  const { file, bytes } = input;
  const name = uncheckedNameFor(file);
  const { verdict } = upload(base, name, bytes);
  return {
    input,
    verdict: { file, name, ...answerOf('upload', verdict), inChain: null },
    found: strayWritesOf(file, verdict),
  };
}

/** A verdict for every file, in the order in which they were given. */
export function inOrder(
  inputs: readonly InputFile[],
  trials: readonly PayloadTrial[],
  others: readonly OtherTrial[],
): readonly FileVerdict[] {
  const known = new Map<InputFile, FileVerdict>([
    ...trials.map(({ payload, verdict }) => [payload.input, verdict] as const),
    ...others.map(({ input, verdict }) => [input, verdict] as const),
  ]);
  return inputs.flatMap((input) => known.get(input) ?? []);
}

/** Which files have the same name, where that is what is wrong. */
function withNamesake(refusal: Finding, files: readonly string[]): Finding {
  const otherFiles = files.filter((file) => file !== refusal.file);
  if (refusal.stage !== 'same-name' || otherFiles.length === 0) return refusal;
  return {
    ...refusal,
    otherFiles,
    message: `${refusal.message}; ${otherFiles.join(', ')} would be uploaded under the same name`,
    hint: 'Rename one of the files: a payload is called as its file is.',
  };
}

/** What comes of it that a payload was built for another hypervisor. */
const OF_ANOTHER: ReadonlySet<Fault['reason']> = new Set<Fault['reason']>([
  'other-hypervisor',
  'unknown-symbol',
  'function-not-found',
]);

/** What is to be said of each file by itself. */
export interface FileFindings {
  /** Of the readers. */
  readonly findings: readonly Finding[];
  /** Of Xen. */
  readonly refusals: readonly Finding[];
  /** Of the chain: that files were built for another hypervisor, with what Xen says to that. */
  readonly foreign: readonly Finding[];
}

/**
 * What the readers found in each file, and why Xen would not take it: one cause is one finding. `foreign` are those
 * that files were built for another hypervisor.
 */
export function ofEachFile(
  read: ReadInputs,
  trials: readonly PayloadTrial[],
  others: readonly OtherTrial[],
  foreign: readonly Finding[],
): FileFindings {
  const isForeign = new Set(foreign.flatMap(filesOf));
  const said = new Map<string, Finding>();
  const namesakes = new Map<string, string[]>();
  for (const { planned } of read.payloads) {
    namesakes.set(planned.name, [...(namesakes.get(planned.name) ?? []), planned.file]);
  }
  const verdictOf = new Map(trials.map(({ payload, verdict }) => [payload, verdict]));
  const answerTo = new Map(others.map(({ input, verdict }) => [input, verdict]));
  const refusalsOf = (verdict: FileVerdict | undefined): readonly Finding[] => {
    if (verdict === undefined) return [];
    const { operation, faults } = verdict.inChain ?? verdict;
    const isOfAnother = faults.map(
      ({ reason }) => isForeign.has(verdict.file) && OF_ANOTHER.has(reason),
    );
    const found = findingsOfFaults(verdict, operation, faults);
    const [first] = found;
    if (first !== undefined && isOfAnother[0] === true) said.set(verdict.file, first);
    const own = found.filter((_, index) => isOfAnother[index] !== true);
    return own.map((refusal) => withNamesake(refusal, namesakes.get(verdict.name) ?? []));
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
    findings.push(...withAnswer(own, refusalsOf(answerTo.get(input))));
  }
  return { findings, refusals, foreign: foreign.map((one) => withRefusals(one, said)) };
}

function filesOf({ file, otherFiles = [] }: Finding): readonly string[] {
  return file === undefined ? otherFiles : [file, ...otherFiles];
}

/** What Xen says, where it says it to all of them. */
function withRefusals(one: Finding, said: ReadonlyMap<string, Finding>): Finding {
  const files = filesOf(one);
  const refusals = files.flatMap((file) => said.get(file) ?? []);
  const [first] = refusals;
  if (first === undefined || refusals.length < files.length) return one;
  if (files.length === 1) return withAnswer([one], [first])[0] ?? one;
  return { ...one, message: `${one.message}. Xen would refuse the upload of each` };
}
