import type { LockstepVerdict } from '../../core/lockstep/index.js';
import type { Answer } from './chroot.js';
import type { PairFacts } from './facts.js';

/** What was foretold of one pair, and how the real program is asked. */
export interface Pair {
  /** E.g. `qemu bookworm qemu-img`. */
  readonly group: string;
  /** Of the module, for the report. */
  readonly module: string;
  readonly verdict: LockstepVerdict;
  /** What the verdict was made of; null where the rules of the linker are all there is. */
  readonly facts: () => PairFacts | null;
  ask(): Promise<Answer>;
  /** What the answer says is wrong with the verdict; null where it agrees. Not asked of an undecided one. */
  compare(answer: Answer): string | null;
}

/** Pairs that are made when their turn comes: to foretell takes time too. */
export type Planned = () => readonly Pair[];

export interface Asked {
  readonly pair: Pair;
  readonly answer: Answer;
  /** Null where they agree. */
  readonly disagreement: string | null;
}

/**
 * Foretells and asks, so many pairs at once; `seen` hears of each. Plans
 * are taken from all over the list, so that a part of it has some of every kind.
 */
export async function askAll(
  plans: readonly Planned[],
  atOnce: number,
  seen: (asked: Asked) => void,
): Promise<void> {
  const waiting = spread(plans);
  const worker = async () => {
    while (waiting.length > 0) {
      for (const pair of waiting.shift()?.() ?? []) {
        const answer = await pair.ask();
        const isDecided = pair.verdict.outcome !== 'undecided';
        seen({ pair, answer, disagreement: isDecided ? pair.compare(answer) : null });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const STRIDE = 61;

function spread<T>(all: readonly T[]): T[] {
  return Array.from({ length: STRIDE }, (_, first) =>
    all.filter((_one, index) => index % STRIDE === first),
  ).flat();
}

/** Whether all that was foretold to be printed is printed; null where it is. */
export function missingWords({ says }: LockstepVerdict, { text }: Answer): string | null {
  const absent = (says ?? '').split('\n').filter((line) => !text.includes(line));
  return absent.length === 0 ? null : `not printed: ${absent.join(' | ')}`;
}
