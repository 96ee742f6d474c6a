import { uncheckedNameFor } from '../abi/payload-name.js';
import type { Finding } from '../findings/index.js';
import { strayWritesOf } from '../hazards/index.js';
import type { InputFile, ReadInputs } from '../payload/index.js';
import { answerOf, findingsOfFaults, type Model, upload } from '../verify/index.js';
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

/** What the readers found in each file, and why Xen would not take it: one cause is one finding. */
export function ofEachFile(
  read: ReadInputs,
  trials: readonly PayloadTrial[],
  others: readonly OtherTrial[],
): { readonly findings: readonly Finding[]; readonly refusals: readonly Finding[] } {
  const namesakes = new Map<string, string[]>();
  for (const { planned } of read.payloads) {
    namesakes.set(planned.name, [...(namesakes.get(planned.name) ?? []), planned.file]);
  }
  const verdictOf = new Map(trials.map(({ payload, verdict }) => [payload, verdict]));
  const answerTo = new Map(others.map(({ input, verdict }) => [input, verdict]));
  const refusalsOf = (verdict: FileVerdict | undefined): readonly Finding[] => {
    if (verdict === undefined) return [];
    const { operation, faults } = verdict.inChain ?? verdict;
    const found = findingsOfFaults(verdict, operation, faults);
    return found.map((refusal) => withNamesake(refusal, namesakes.get(verdict.name) ?? []));
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
  return { findings, refusals };
}
