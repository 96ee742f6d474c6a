import type { Model } from '../../../core/verify/model.js';
import { type Base, type Variant, variantOf } from '../../differential/variants.js';
import { type Answer, Machine } from '../machine.js';
import type { BootRequest } from '../qemu.js';
import { agree, type Disagreement, predict, type Said } from './compare.js';

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
  readonly seed: number;
  readonly variants: number;
  /** Stop after this many disagreements. */
  readonly mostDisagreements: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Variants in one line to dom0. */
const BATCH = 100;
const BATCH_TIMEOUT_MS = 120_000;
/** Lines that dom0's serial driver can hold back when Xen dies. */
const SUSPECTS = 60;

/** Uploads seeded variants to a real Xen and compares each answer with the verdict of core/verify. */
export async function runDifferential(
  request: BootRequest,
  model: Model,
  bases: readonly [Base, ...Base[]],
  options: DifferentialOptions,
): Promise<DifferentialReport> {
  const started = performance.now();
  const machine = await Machine.start(request);
  const counts = { accepted: 0, refused: 0, fatal: 0 };
  const disagreements: Disagreement[] = [];
  let resets = 0;
  let done = 0;

  const judge = (variant: Variant, predicted: Said, seen: Said): void => {
    done++;
    if (seen.kind === 'died') counts.fatal++;
    else if (seen.rc === 0) counts.accepted++;
    else counts.refused++;
    if (!agree(predicted, seen)) disagreements.push({ variant, predicted, seen });
    if (done % BATCH === 0) options.onProgress?.(done, options.variants);
  };

  try {
    const all = Array.from({ length: options.variants }, (_, i) => {
      const variant = variantOf(bases, options.seed, i);
      return { variant, predicted: predict(model, bases, variant) };
    });
    // Those that should kill it come last: each of them costs a reset.
    const survivors = all.filter(({ predicted }) => predicted.kind === 'answered');
    const killers = all.filter(({ predicted }) => predicted.kind === 'died');
    const queue = [...survivors, ...killers];
    let careful = 0;
    while (queue.length > 0 && disagreements.length < options.mostDisagreements) {
      const single = careful-- > 0 || queue[0]?.predicted.kind === 'died';
      const batch = queue.splice(0, single ? 1 : BATCH);
      const indices = batch.map(({ variant }) => variant.index);
      const answer = await machine.ask(
        `variants ${options.seed} ${indices.join(' ')}`,
        BATCH_TIMEOUT_MS,
      );
      const said = readAnswer(answer, single ? (indices[0] ?? null) : null);
      const open = batch.filter(({ variant, predicted }) => {
        const seen = said.get(variant.index);
        if (seen) judge(variant, predicted, seen);
        return !seen;
      });
      if (answer.kind !== 'answered') {
        if (single && open.length > 0) throw new Error(`no answer: ${JSON.stringify(answer)}`);
        await machine.reset();
        resets++;
        queue.unshift(...open);
        // What dom0 last wrote was lost on the way: the killer is found by asking one at a time.
        careful = single ? 0 : SUSPECTS;
      }
    }
  } finally {
    await machine.stop();
  }
  const elapsedMs = performance.now() - started;
  return { variants: done, ...counts, disagreements, resets, elapsedMs };
}

/** What was said about each variant. The only one of a batch is the killer, if Xen died of it. */
function readAnswer(answer: Answer, only: number | null): ReadonlyMap<number, Said> {
  const said = new Map<number, Said>();
  for (const line of answer.lines) {
    if (!/^\{.*\}$/.test(line)) continue;
    const { i, rc, log } = JSON.parse(line) as { i: number; rc: number; log: string[] };
    said.set(i, { kind: 'answered', rc, log });
  }
  if (answer.kind !== 'answered' && only !== null) {
    const reason = answer.kind === 'died' ? answer.reason : 'no answer in time';
    said.set(only, { kind: 'died', reason });
  }
  return said;
}
