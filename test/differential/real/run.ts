import type { Answer, Machine } from '../../../rig/machine.js';
import {
  agree,
  type Disagreement,
  differenceOf,
  predict,
  predictSequence,
  type Said,
  type SequenceSaid,
} from '../compare.js';
import { sequenceOf } from '../sequences.js';
import { tableVariantOf } from '../table-variants.js';
import { type Variant, variantOf } from '../variants.js';
import type { Subject } from './subject.js';

/** What a run of variants came to. */
export interface DifferentialReport {
  readonly variants: number;
  readonly accepted: number;
  readonly refused: number;
  readonly fatal: number;
  readonly disagreements: readonly Disagreement[];
  /** Times the machine had to be set back. */
  readonly resets: number;
  readonly elapsedMs: number;
}

export interface DifferentialOptions {
  /** `variants`: any field of any payload. `tables`: alternatives, exception tables and bug frames. */
  readonly of: 'variants' | 'tables';
  readonly seed: number;
  readonly variants: number;
  /** Stop after this many disagreements. */
  readonly mostDisagreements: number;
  readonly onProgress?: (done: number, total: number) => void;
  /** Told why the machine is set back, and which variants it was asked about last. */
  readonly onReset?: (reason: string, indices: readonly number[]) => void;
  /** Told what the real Xen said about each variant. */
  readonly onSaid?: (index: number, said: Said) => void;
}

/** Variants in one line to dom0. */
const BATCH = 100;
/** A second is usual. */
const BATCH_TIMEOUT_MS = 20_000;
/** An emulated machine that was set back may stall. That is no answer: so often it is asked again. */
const MOST_STALLS = 20;
/** Lines that dom0's serial driver can hold back when Xen dies. */
const SUSPECTS = 60;

/**
 * Uploads seeded variants to a real Xen, which has nothing loaded, and compares each answer with the
 * verdict of core/verify.
 */
export async function runDifferential(
  machine: Machine,
  { model, bases, tableBases }: Pick<Subject, 'model' | 'bases' | 'tableBases'>,
  options: DifferentialOptions,
): Promise<DifferentialReport> {
  const started = performance.now();
  const counts = { accepted: 0, refused: 0, fatal: 0 };
  const disagreements: Disagreement[] = [];
  let resets = 0;
  let stalls = 0;
  let done = 0;

  const judge = (variant: Variant, predicted: Said, seen: Said): void => {
    done++;
    options.onSaid?.(variant.index, seen);
    if (seen.kind === 'died') counts.fatal++;
    else if (seen.rc === 0) counts.accepted++;
    else counts.refused++;
    if (!agree(predicted, seen)) disagreements.push({ variant, predicted, seen });
    if (done % BATCH === 0) options.onProgress?.(done, options.variants);
  };

  const all = Array.from({ length: options.variants }, (_, i) => {
    const variant =
      options.of === 'tables'
        ? tableVariantOf(tableBases, options.seed, i)
        : variantOf(bases, options.seed, i);
    return { variant, predicted: predict(model, bases, variant) };
  });
  // Those that should kill it come last: each of them costs a reset.
  const survivors = all.filter(({ predicted }) => !mayDie(predicted));
  const killers = all.filter(({ predicted }) => mayDie(predicted));
  const queue = [...survivors, ...killers];
  let careful = 0;
  while (queue.length > 0 && disagreements.length < options.mostDisagreements) {
    const single = careful-- > 0 || queue.slice(0, 1).some(({ predicted }) => mayDie(predicted));
    const killer = queue.findIndex(({ predicted }) => mayDie(predicted));
    const batch = queue.splice(0, single ? 1 : Math.min(BATCH, killer < 0 ? BATCH : killer));
    const indices = batch.map(({ variant }) => variant.index);
    const answer = await machine.ask(
      `${options.of} ${options.seed} ${indices.join(' ')}`,
      BATCH_TIMEOUT_MS,
    );
    const said = readAnswer(answer, single ? (indices[0] ?? null) : null);
    const open = batch.filter(({ variant, predicted }) => {
      const seen = said.get(variant.index);
      if (seen) judge(variant, predicted, seen);
      return !seen;
    });
    if (answer.kind !== 'answered') {
      if (answer.kind === 'timeout' && ++stalls > MOST_STALLS) {
        throw new Error(`no answer in time, ${stalls} times; at last about ${indices.join(' ')}`);
      }
      options.onReset?.(answer.kind === 'died' ? answer.reason : answer.kind, indices);
      await machine.reset();
      resets++;
      queue.unshift(...open);
      // What dom0 last wrote was lost on the way: the killer is found by asking one at a time.
      careful = answer.kind === 'died' && !single ? SUSPECTS : 0;
    }
  }
  const elapsedMs = performance.now() - started;
  return { variants: done, ...counts, disagreements, resets, elapsedMs };
}

/** That it should kill Xen, or that it depends on the CPU. */
function mayDie(predicted: Said): boolean {
  return predicted.kind === 'died' || predicted.dependsOnCpu === true;
}

/** What was said about each variant. The only one of a batch is the killer, if Xen died of it. */
function readAnswer(answer: Answer, only: number | null): ReadonlyMap<number, Said> {
  const said = new Map<number, Said>();
  for (const line of answer.lines) {
    if (!/^\{.*\}$/.test(line)) continue;
    const { i, rc, log } = JSON.parse(line) as { i: number; rc: number; log: string[] };
    said.set(i, { kind: 'answered', rc, log });
  }
  if (answer.kind === 'died' && only !== null) {
    said.set(only, { kind: 'died', reason: answer.reason });
  }
  return said;
}

/** What a run of sequences came to: each disagreement in words. */
export interface SequenceReport {
  readonly sequences: number;
  readonly operations: number;
  readonly disagreements: readonly string[];
  readonly elapsedMs: number;
}

const SEQUENCE_TIMEOUT_MS = 60_000;

/** The answer of a machine, which is set back and asked once more where it stalls. */
async function askAgain(machine: Machine, line: string): Promise<Answer> {
  const first = await machine.ask(line, SEQUENCE_TIMEOUT_MS);
  if (first.kind !== 'timeout') return first;
  await machine.reset();
  return machine.ask(line, SEQUENCE_TIMEOUT_MS);
}

/** Runs seeded sequences of operations on a real Xen, which has nothing loaded, and compares every answer. */
export async function runSequences(
  machine: Machine,
  { model, version, payloads }: Pick<Subject, 'model' | 'version' | 'payloads'>,
  {
    seed,
    sequences,
    onSaid,
  }: {
    readonly seed: number;
    readonly sequences: number;
    readonly onSaid?: (index: number, said: SequenceSaid) => void;
  },
): Promise<SequenceReport> {
  const started = performance.now();
  const [first, ...rest] = [...payloads.keys()].sort();
  if (first === undefined) throw new Error('no payloads for sequences');
  const disagreements: string[] = [];
  let operations = 0;
  for (let index = 0; index < sequences; index++) {
    const sequence = sequenceOf([first, ...rest], seed, index);
    operations += sequence.length;
    const answer = await askAgain(machine, `sequences ${seed} ${index}`);
    const line = answer.lines.find((text) => text.startsWith('{'));
    const predicted = predictSequence(model, version, payloads, sequence);
    const seen = line === undefined ? null : (JSON.parse(line) as SequenceSaid);
    if (seen !== null) onSaid?.(index, { answers: seen.answers, end: seen.end });
    const difference =
      answer.kind === 'answered' && seen !== null
        ? differenceOf(sequence, predicted, seen)
        : `Xen ${answer.kind}: ${JSON.stringify(answer)}`;
    if (difference !== null) disagreements.push(`sequence ${index}: ${difference}`);
    if (answer.kind !== 'answered') await machine.reset();
  }
  return { sequences, operations, disagreements, elapsedMs: performance.now() - started };
}
