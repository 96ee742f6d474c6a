/** Ours: letters of a word that are compared; no name that is proposed is longer by much. */
const MAX_COMPARED = 64;
/** Names that are proposed at most. */
const MAX_PROPOSED = 3;

/** Names that a word may have been meant for: few letters differ, or it is how they begin. Nearest first. */
export function alike<Name extends string>(word: string, names: readonly Name[]): readonly Name[] {
  const typed = word.toLowerCase();
  if (typed.length > MAX_COMPARED) return [];
  // Of a single letter, any other is one change away.
  const most = typed.length < 2 ? 0 : typed.length < 4 ? 1 : 2;
  const isBegun = (name: string) =>
    typed.length > 1 && name.slice(0, typed.length).toLowerCase() === typed;
  return names
    .filter((name) => Math.abs(name.length - typed.length) <= most || isBegun(name))
    .map((name) => ({
      name,
      changes: isBegun(name) ? 0 : changesBetween(typed, name.toLowerCase()),
    }))
    .filter(({ changes }) => changes <= most)
    .sort((a, b) => a.changes - b.changes)
    .slice(0, MAX_PROPOSED)
    .map(({ name }) => name);
}

/** The names that a word is nearest to be a part of, however far. */
export function nearest(word: string, names: readonly string[]): readonly string[] {
  const typed = word.toLowerCase().slice(0, MAX_COMPARED);
  return names
    .map((name) => ({ name, distance: Math.min(...distancesTo(typed, name, true)) }))
    .sort((a, b) => a.distance - b.distance || a.name.length - b.name.length)
    .slice(0, MAX_PROPOSED)
    .map(({ name }) => name);
}

/** `Did you mean A or B? `, to stand before what else is said; empty where there is nothing to propose. */
export function didYouMean(names: readonly string[]): string {
  return names.length === 0 ? '' : `Did you mean ${names.join(' or ')}? `;
}

/** Letters to add, drop, change, or swap with their neighbour (optimal string alignment). Takes time by both lengths. */
export function changesBetween(word: string, name: string): number {
  return distancesTo(word, name, false).at(-1) ?? 0;
}

/** Changes until the word is the start of the name up to each letter; with `isPart`, any part that ends there. */
function distancesTo(word: string, name: string, isPart: boolean): readonly number[] {
  let above: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: name.length + 1 }, (_, j) => (isPart ? 0 : j));
  for (let i = 0; i < word.length; i++) {
    const next = [i + 1];
    for (let j = 1; j <= name.length; j++) {
      const changed = (row[j - 1] ?? 0) + (word[i] === name[j - 1] ? 0 : 1);
      const isSwapped = i > 0 && j > 1 && word[i] === name[j - 2] && word[i - 1] === name[j - 1];
      const swapped = isSwapped ? (above[j - 2] ?? 0) + 1 : changed;
      next.push(Math.min(changed, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    above = row;
    row = next;
  }
  return row;
}
