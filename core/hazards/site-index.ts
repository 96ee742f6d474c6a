import type { PatchSite } from './subject.js';

/** Bytes in one cell of the index: a site, of 31 at most, touches two. */
const CELL_BYTES = 32n;

/** Sites by the bytes they overwrite. */
export interface SiteIndex {
  /** The first of the sites, in their own order, that shares a byte with this one; null where none does. */
  overlapping(site: PatchSite): PatchSite | null;
  add(site: PatchSite): void;
}

/** An index of sites, to which more can be added. Each question looks at a few neighbours, not at all sites. */
export function indexSites(sites: readonly PatchSite[] = []): SiteIndex {
  /** By cell, then by the bytes: of several sites with the same bytes the first one answers for all. */
  const cells = new Map<bigint, Map<string, readonly [number, PatchSite]>>();
  let count = 0;
  const index: SiteIndex = {
    add: (site) => {
      const entry = [count++, site] as const;
      const key = `${site.start}-${site.end}`;
      for (const cell of cellsOf(site)) {
        const known = cells.get(cell) ?? new Map<string, readonly [number, PatchSite]>();
        if (!known.has(key)) known.set(key, entry);
        cells.set(cell, known);
      }
    },
    overlapping: (site) => {
      let best: readonly [number, PatchSite] | null = null;
      for (const cell of cellsOf(site)) {
        for (const entry of cells.get(cell)?.values() ?? []) {
          if (overlap(site, entry[1]) && (best === null || entry[0] < best[0])) best = entry;
        }
      }
      return best?.[1] ?? null;
    },
  };
  for (const site of sites) index.add(site);
  return index;
}

/** None for a site of no bytes. */
function cellsOf({ start, end }: PatchSite): readonly bigint[] {
  if (end <= start) return [];
  const last = (end - 1n) / CELL_BYTES;
  const cells: bigint[] = [];
  for (let cell = start / CELL_BYTES; cell <= last; cell++) cells.push(cell);
  return cells;
}

function overlap(a: PatchSite, b: PatchSite): boolean {
  return a.start < b.end && b.start < a.end;
}
