import { CATALOGUE, EXIT, STAGES, XspliceError } from '../../core/findings/index.js';
import type { Session } from '../session.js';
import { type Entry, entryFields, renderEntries, renderEntry } from '../views/explain.js';

/** How many known names are given where one is not known. */
const NEAREST = 3;
/** Ours: letters of a word that are compared; no name is longer. */
const MAX_COMPARED = 64;

/** Says what codes mean; all of them, a line each, where none is named. Fails with `unknown-code`. */
export async function run({ settings, output }: Session): Promise<number> {
  const all: readonly Entry[] = [
    ...Object.entries(CATALOGUE).map(([name, entry]) => ({ name, kind: 'code', entry }) as const),
    ...Object.entries(STAGES).map(([name, entry]) => ({ name, kind: 'stage', entry }) as const),
  ];
  const chosen = settings.words.map((word) => {
    const found = all.find(({ name }) => name === word);
    if (found === undefined) throw unknownCode(word, all);
    return found;
  });
  const { style } = output;
  output.data(
    chosen.length === 0
      ? renderEntries(all, style)
      : chosen.map((entry) => renderEntry(entry, style)).join('\n\n'),
  );
  output.document({ ok: true, entries: (chosen.length === 0 ? all : chosen).map(entryFields) });
  return EXIT.done;
}

function unknownCode(word: string, all: readonly Entry[]): XspliceError {
  const typed = word.toLowerCase().slice(0, MAX_COMPARED);
  const nearest = all
    .map(({ name }) => ({ name, distance: distanceOf(typed, name) }))
    .sort((a, b) => a.distance - b.distance || a.name.length - b.name.length)
    .slice(0, NEAREST)
    .map(({ name }) => name);
  return new XspliceError('unknown-code', `There is no code ${JSON.stringify(word)}`, {
    hint: `The nearest are ${nearest.join(', ')}. xsplice-ts explain lists all of them.`,
  });
}

/** Letters to add, drop or change (Levenshtein) until the word is a part of the name. */
function distanceOf(word: string, name: string): number {
  let row = Array.from({ length: name.length + 1 }, () => 0);
  for (const [i, letter] of [...word].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= name.length; j++) {
      const changed = (row[j - 1] ?? 0) + (letter === name[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return Math.min(...row);
}
