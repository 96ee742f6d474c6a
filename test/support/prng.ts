/** A small seeded generator (sfc32): the same seed gives the same numbers on every machine. */
export interface Prng {
  /** An integer in [0, 2^32). */
  u32(): number;
  /** An integer in [0, limit). */
  below(limit: number): number;
  /** One element. The array may not be empty. */
  pick<T>(values: readonly [T, ...T[]]): T;
  bytes(count: number): Uint8Array;
}

export function createPrng(seed: number): Prng {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed >>> 0;
  let counter = 1;
  const u32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  // The first outputs of close seeds are alike.
  for (let i = 0; i < 15; i++) u32();
  const below = (limit: number): number => Math.floor((u32() / 2 ** 32) * limit);
  return {
    u32,
    below,
    pick: (values) => values[below(values.length)] ?? values[0],
    bytes: (count) => Uint8Array.from({ length: count }, () => u32() & 0xff),
  };
}
