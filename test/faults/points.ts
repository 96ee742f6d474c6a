import type { Prng } from '../support/prng.js';
import type { How, Injection } from './inject.js';
import type { Prepared } from './prepare.js';
import type { Setting } from './trial.js';

/** A way for a call to go wrong. */
export interface Way {
  readonly how: How;
  readonly lasting: boolean;
}

export const once = (how: How): Way => ({ how, lasting: false });

/** One call of one command that goes wrong in one way. Plain data: it goes from process to process. */
export interface Point extends Injection {
  readonly part: string;
  /** What the call does to what. */
  readonly kind: string;
  readonly prepared: Prepared;
  /** True where the command is to print text, not JSON. */
  readonly isText: boolean;
  /** True where the command is to have a process of its own, as the program has that is shipped. */
  readonly isAlone: boolean;
}

/** Every call with every way; of a share, each kind of call once, going through the ways in turn. */
export function pointsOf(
  part: string,
  prepared: Prepared,
  setting: Setting,
  reads: boolean,
  waysOf: (isWrite: boolean) => readonly Way[],
  random: Prng,
): readonly Point[] {
  const calls = prepared.calls.filter(({ changes }) => changes || reads);
  const { at, how } = setting;
  const isOneAgain = at !== null || how !== null;
  const every = calls.flatMap(({ at: number, kind, isWrite }) =>
    waysOf(isWrite).map((way): Point => {
      const isText = setting.text ?? (random.u32() & 1) === 1;
      const isAlone = isOneAgain || !way.how.startsWith('E');
      return { part, at: number, kind, ...way, reads, prepared, isText, isAlone };
    }),
  );
  if (isOneAgain) {
    return every
      .filter((point) => at === null || point.at === at)
      .filter((point) => how === null || (point.how === how && point.lasting === setting.lasting));
  }
  if (setting.all) return every;
  const kinds = [...new Set(calls.map(({ kind }) => kind))];
  const turn = random.below(every.length);
  return kinds.flatMap((kind, index) => {
    const ofKind = every.filter((point) => point.kind === kind);
    const ways = new Set(ofKind.map(wayText));
    const way = [...ways][(turn + index) % ways.size];
    const same = ofKind.filter((point) => wayText(point) === way);
    return same.slice(0, 1).map((first) => random.pick([first, ...same.slice(1)]));
  });
}

function wayText({ how, lasting }: Way): string {
  return `${how} ${lasting}`;
}
