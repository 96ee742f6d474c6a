/** Which of two releases comes first, by the numbers in them; null where they are equal or are no numbers. */
export function olderOf(host: string | null, module: string | null): 'host' | 'module' | null {
  const order = compareReleases(host, module);
  if (order === null || order === 0) return null;
  return order < 0 ? 'host' : 'module';
}

/** Below, above or equal to 0 as the first is before, after or equal to the second; null where one has no numbers. */
export function compareReleases(first: string | null, second: string | null): number | null {
  const [left, right] = [numbersOf(first), numbersOf(second)];
  if (left.length === 0 || right.length === 0) return null;
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The highest of some releases; null of none. */
export function highest(releases: readonly string[]): string | null {
  return releases.reduce<string | null>(
    (top, one) => (top === null || (compareReleases(top, one) ?? 0) < 0 ? one : top),
    null,
  );
}

/** Of the first run of digits with points: `LIBNBD_1.18` is 1, 18. */
function numbersOf(release: string | null): readonly number[] {
  const [digits = ''] = /\d+(?:\.\d+)*/.exec(release ?? '') ?? [];
  return digits === '' ? [] : digits.split('.').map(Number);
}
