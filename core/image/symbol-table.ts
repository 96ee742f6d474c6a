import { countLeading } from '../abi/address.js';

/** One entry of Xen's symbol table. */
export interface XenSymbol {
  /** `path/file.c#name` for a local symbol, the plain name for a global one. Escape before printing. */
  readonly name: string;
  readonly address: bigint;
  /** As nm prints it: `T` and `t` text, `D` and `d` data, `R` and `r` read-only, `B` and `b` bss, … */
  readonly type: string;
  /** In bytes; 0 where the source does not tell. Xen's own table holds no sizes before 4.21. */
  readonly size: bigint;
}

/** The symbol an address belongs to. */
export interface SymbolOwner {
  readonly symbol: XenSymbol;
  /** Distance of the address from the symbol's. */
  readonly offset: bigint;
}

/** Xen's symbol table: what a payload's imports are looked up in. */
export interface SymbolTable {
  /** By ascending address; of those at one address, the one Xen names first comes first. */
  readonly entries: readonly XenSymbol[];
  /**
   * What symbols_lookup_by_name would answer, in all releases since 4.7: null where it returns 0, so
   * for the empty name too. Of several symbols with one name it finds the one that Xen finds.
   */
  lookup(name: string): bigint | null;
  /** All addresses of a name, ascending: several only in builds without ENFORCE_UNIQUE_SYMBOLS. */
  addressesOf(name: string): readonly bigint[];
  /** All symbols exactly at an address. */
  at(address: bigint): readonly XenSymbol[];
  /**
   * What symbols_lookup would answer for an address in text: the first symbol at the nearest address
   * not above it. Null below the first symbol. Where sizes are known the offset may lie beyond the
   * end of the symbol, in padding: compare it with `size`.
   */
  ownerOf(address: bigint): SymbolOwner | null;
}

/**
 * Makes a table of entries that are in Xen's order (see SymbolTable.entries).
 *
 * Two symbols can share a name only in builds without ENFORCE_UNIQUE_SYMBOLS. Which one Xen then finds
 * follows from how it looks: with FAST_SYMBOL_LOOKUP (the default of live-patching builds; such
 * a table has the symbol `symbols_sorted_offsets`) by bisection over names and types, otherwise the
 * first by address.
 */
export function createSymbolTable(entries: readonly XenSymbol[]): SymbolTable {
  const first = new Map<string, bigint>();
  /** Of names that are there more than once. */
  const all = new Map<string, bigint[]>();
  for (const { name, address } of entries) {
    const known = first.get(name);
    const several = all.get(name);
    if (known === undefined) first.set(name, address);
    else if (several === undefined) all.set(name, [known, address]);
    else several.push(address);
  }
  const bisects = first.has('symbols_sorted_offsets');
  let byName: readonly XenSymbol[] | null = null;
  const firstAt = (address: bigint): number =>
    countLeading(entries, (entry) => entry.address < address);
  const at = (address: bigint): readonly XenSymbol[] => {
    const start = firstAt(address);
    let end = start;
    while (entries[end]?.address === address) end++;
    return entries.slice(start, end);
  };
  return {
    entries,
    lookup: (name) => {
      if (name === '') return null;
      // However it is looked for, a name that is there once is found.
      if (!bisects || !all.has(name)) return first.get(name) ?? null;
      byName ??= [...entries].sort(compareByName);
      return bisect(byName, name);
    },
    addressesOf: (name) => {
      const known = first.get(name);
      if (known === undefined) return [];
      return [...new Set(all.get(name) ?? [known])];
    },
    at,
    ownerOf: (address) => {
      const above = firstAt(address + 1n);
      const nearest = entries[above - 1];
      if (nearest === undefined) return null;
      const symbol = at(nearest.address)[0] ?? nearest;
      return { symbol, offset: address - symbol.address };
    },
  };
}

/** compare_name_orig of xen/tools/symbols.c: bytes of the name, then the type character. */
function compareByName(a: XenSymbol, b: XenSymbol): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.type === b.type ? 0 : a.type < b.type ? -1 : 1;
}

/** The very bisection of symbols_lookup_by_name: among equal names the outcome depends on it. */
function bisect(byName: readonly XenSymbol[], name: string): bigint | null {
  let low = 0;
  let high = byName.length;
  while (low < high) {
    const middle = low + ((high - low) >>> 1);
    const entry = byName[middle];
    if (entry === undefined) return null;
    if (name < entry.name) high = middle;
    else if (name > entry.name) low = middle + 1;
    else return entry.address;
  }
  return null;
}
