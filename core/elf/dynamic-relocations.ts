import { DT, R_X86_64 } from './constants.js';
import { type DynamicSection, dynamicValue } from './dynamic.js';
import { relocationBytes } from './dynamic-symbols.js';

const RELOCATION_SIZE = 24;
/** A word of DT_RELR with its lowest bit set says of this many places behind the last whether they count. */
const PLACES_OF_A_WORD = 63;

/** The relocations that name a symbol, in the order in which the dynamic linker applies them. */
export function* symbolRelocations(
  dynamic: DynamicSection,
): Generator<{ readonly type: number; readonly symbolIndex: number }, void, undefined> {
  for (const bytes of relocationBytes(dynamic)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += RELOCATION_SIZE) {
      const symbolIndex = view.getUint32(at + 12, true);
      if (symbolIndex !== 0) yield { type: view.getUint32(at + 8, true), symbolIndex };
    }
  }
}

/** Addresses from the first to below the second. */
export interface AddressRange {
  readonly from: bigint;
  readonly to: bigint;
}

const EVERYWHERE: AddressRange = { from: 0n, to: 1n << 64n };

/**
 * The places of DT_RELR: each holds an address that only has to be moved. A word with its lowest bit clear
 * is a place; one with it set is a map of the 63 places behind it. With `within` those in there.
 */
export function readRelr(
  dynamic: DynamicSection,
  within: AddressRange = EVERYWHERE,
): readonly bigint[] {
  const at = dynamicValue(dynamic, DT.RELR);
  const size = dynamicValue(dynamic, DT.RELRSZ) ?? 0n;
  if (at === null || size === 0n) return [];
  const bytes = dynamic.memory.slice(at, size - (size % 8n), 'DT_RELR');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places: bigint[] = [];
  let next = 0n;
  for (let offset = 0; offset < bytes.length; offset += 8) {
    const word = view.getBigUint64(offset, true);
    if ((word & 1n) === 0n) {
      if (word >= within.from && word < within.to) places.push(word);
      next = word + 8n;
      continue;
    }
    const end = next + BigInt(PLACES_OF_A_WORD * 8);
    for (let bit = 0; bit < PLACES_OF_A_WORD && end > within.from && next < within.to; bit++) {
      const place = next + BigInt(bit * 8);
      const isIn = place >= within.from && place < within.to;
      if (isIn && ((word >> BigInt(bit + 1)) & 1n) === 1n) places.push(place);
    }
    next = end;
  }
  return places;
}

/**
 * Where the pointers of an x86-64 file lead once it is loaded, by their own address: what RELATIVE, and 64
 * and GLOB_DAT to a symbol of the file itself, write. Places of DT_RELR hold their address in the file. With `within`
 * those in there: a program has hundreds of thousands.
 */
export function pointersOf(
  dynamic: DynamicSection,
  symbols: readonly { readonly value: bigint; readonly sectionIndex: number }[],
  within: AddressRange = EVERYWHERE,
): ReadonlyMap<bigint, bigint> {
  const pointers = new Map<bigint, bigint>();
  const [from, to] = [Number(within.from), Number(within.to)];
  for (const bytes of relocationBytes(dynamic)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += RELOCATION_SIZE) {
      // Rounded as the bounds are: it passes too much, and never too little.
      const about = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
      if (about < from || about > to) continue;
      const place = view.getBigUint64(at, true);
      if (place < within.from || place >= within.to) continue;
      const leadsTo = pointerOf(view, at, symbols);
      if (leadsTo !== null) pointers.set(place, leadsTo);
    }
  }
  return pointers;
}

/** What one relocation writes; null where that is known to another file only. */
function pointerOf(
  view: DataView,
  at: number,
  symbols: readonly { readonly value: bigint; readonly sectionIndex: number }[],
): bigint | null {
  const type = view.getUint32(at + 8, true);
  if (type === R_X86_64.RELATIVE) return view.getBigInt64(at + 16, true);
  if (type !== R_X86_64[64] && type !== R_X86_64.GLOB_DAT) return null;
  const symbol = symbols[view.getUint32(at + 12, true)];
  if (symbol === undefined || symbol.sectionIndex === 0) return null;
  return symbol.value + (type === R_X86_64[64] ? view.getBigInt64(at + 16, true) : 0n);
}
