import { PAGE_SIZE } from '../abi/address.js';
import { wrap64 } from './memory.js';

/** PFN_UP: pages that these bytes need. Wraps like C's unsigned 64-bit. */
export function pagesFor(sizeBytes: bigint): bigint {
  return wrap64(sizeBytes + PAGE_SIZE - 1n) / PAGE_SIZE;
}

/** PAGE_ALIGN. */
export function pageAlign(sizeBytes: bigint): bigint {
  return wrap64(sizeBytes + PAGE_SIZE - 1n) & ~(PAGE_SIZE - 1n);
}

/** Size of the range in which Xen, and so its payloads, live (XEN_VIRT_END - XEN_VIRT_START, asm/config.h). */
const XEN_VIRT_BYTES = 1n << 30n;

/**
 * Pages at the start of the VMAP_XEN range that hold its allocation bitmap (vm_init_type): one bit a
 * page, for nearly 1 GiB.
 */
const BITMAP_PAGES = 8n;

/** A range of pages that a payload occupies. */
export interface Allocation {
  readonly base: bigint;
  readonly pages: bigint;
}

/**
 * Where vmalloc_xen puts the next payload (common/vmap.c, vm_alloc): the first gap that is large
 * enough, with an unmapped guard page before it. Null when the range is full (-ENOMEM).
 */
export function placeInVmap(
  areaStart: bigint,
  taken: readonly Allocation[],
  pages: bigint,
): bigint | null {
  const sorted = taken
    .filter(({ pages: used }) => used > 0n)
    .sort((a, b) => (a.base < b.base ? -1 : 1));
  let last: Allocation | null = null;
  for (const allocation of sorted) {
    if (behind(areaStart, last) + pages * PAGE_SIZE < allocation.base) break;
    last = allocation;
  }
  return placeBehind(areaStart, last, pages);
}

/** The same where there is no gap before the last allocation; null where there is none at all. */
export function placeBehind(
  areaStart: bigint,
  last: Allocation | null,
  pages: bigint,
): bigint | null {
  const place = behind(areaStart, last);
  const end = (areaStart / XEN_VIRT_BYTES + 1n) * XEN_VIRT_BYTES;
  return place + pages * PAGE_SIZE <= end ? place : null;
}

function behind(areaStart: bigint, last: Allocation | null): bigint {
  return last === null
    ? areaStart + (BITMAP_PAGES + 1n) * PAGE_SIZE
    : last.base + (last.pages + 1n) * PAGE_SIZE;
}
