import type { XenRelease } from '../abi/release.js';

/**
 * NCAPINTS (asm/cpufeatures.h): the public feature words, Xen's own and those of bugs. New words came
 * with security fixes too: minor version → pairs of the first patch level and the number from it on.
 */
const FEATURE_WORDS: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  12: [[0, 11]],
  13: [[0, 13]],
  14: [
    [0, 13],
    [5, 16],
    [6, 19],
  ],
  15: [
    [0, 13],
    [3, 16],
    [5, 19],
  ],
  16: [
    [0, 14],
    [1, 16],
    [4, 18],
    [5, 19],
  ],
  17: [
    [0, 16],
    [1, 18],
    [2, 19],
    [6, 21],
  ],
  18: [
    [0, 19],
    [6, 21],
  ],
  19: [
    [0, 19],
    [3, 21],
  ],
  20: [
    [0, 19],
    [1, 21],
  ],
  21: [[0, 21]],
  22: [[0, 22]],
};

/** Number of 32-bit words of CPU features that a release knows. */
export function cpuFeatureWords({ minor, patch }: XenRelease): number {
  const level = patch ?? Number.MAX_SAFE_INTEGER;
  return FEATURE_WORDS[minor]?.findLast(([first]) => first <= level)?.[1] ?? 0;
}
