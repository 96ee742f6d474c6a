/** What is the same wherever there are addresses: pages, hex, and lists that ascend. */

/** Bytes of a page. */
export const PAGE_SIZE = 4096n;

/** `0xffff82d040200000`. */
export function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}

/**
 * How many items at the start of a list fulfil a condition, found by halves: the list has all that do before
 * all that do not, e.g. what begins at an address or below, in a list that ascends.
 */
export function countLeading<T>(items: readonly T[], isLeading: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && isLeading(item)) low = middle + 1;
    else high = middle;
  }
  return low;
}
