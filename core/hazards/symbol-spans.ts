import { countLeading } from '../abi/address.js';
import type { ModelPayload, PayloadSymbol } from '../verify/index.js';

const spans = new WeakMap<readonly PayloadSymbol[], SymbolSpans>();

/** The last of a payload's symbols that an address lies in; null where it lies in none. */
export function symbolAt({ symbols }: ModelPayload, address: bigint): PayloadSymbol | null {
  const known = spans.get(symbols) ?? spansOf(symbols);
  spans.set(symbols, known);
  return known.owners[countLeading(known.starts, (start) => start <= address) - 1] ?? null;
}

/** Where another symbol begins to be the last one, in ascending order, and which that is. */
interface SymbolSpans {
  readonly starts: readonly bigint[];
  readonly owners: readonly (PayloadSymbol | null)[];
}

/** Each span is given once, however many symbols lie over each other. */
function spansOf(symbols: readonly PayloadSymbol[]): SymbolSpans {
  const sized = symbols.filter(({ size }) => size > 0n);
  const ends = sized.flatMap(({ value, size }) => [value, value + size]);
  const starts = [...new Set(ends)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const places = new Map(starts.map((start, place) => [start, place]));
  const owners = new Array<PayloadSymbol | null>(starts.length).fill(null);
  /** By place: the first one from there on that is free, or on the way to it. */
  const free = starts.map((_, place) => place);
  for (const symbol of sized.toReversed()) {
    const end = places.get(symbol.value + symbol.size) ?? 0;
    let place = freeFrom(free, places.get(symbol.value) ?? 0);
    while (place < end) {
      owners[place] = symbol;
      free[place] = place + 1;
      place = freeFrom(free, place);
    }
  }
  return { starts, owners };
}

/** Shortens the way that it goes. */
function freeFrom(free: number[], from: number): number {
  let place = from;
  for (let next = free[place] ?? place; next !== place; next = free[place] ?? place) {
    free[place] = free[next] ?? next;
    place = next;
  }
  return place;
}
