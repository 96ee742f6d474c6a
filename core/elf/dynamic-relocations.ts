import { DT, R_X86_64 } from './constants.js';
import { type DynamicSection, dynamicValue } from './dynamic.js';
import { relocationBytes } from './dynamic-symbols.js';
import type { ElfRelocation } from './relocations.js';

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

/** All of DT_RELA and DT_JMPREL, in this order. */
export function readDynamicRelocations(dynamic: DynamicSection): readonly ElfRelocation[] {
  return relocationBytes(dynamic).flatMap((bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length / RELOCATION_SIZE }, (_, index) => {
      const at = index * RELOCATION_SIZE;
      return {
        offset: view.getBigUint64(at, true),
        type: view.getUint32(at + 8, true),
        symbolIndex: view.getUint32(at + 12, true),
        addend: view.getBigInt64(at + 16, true),
      };
    });
  });
}

/**
 * The places of DT_RELR: each holds an address that only has to be moved. A word with its lowest bit clear
 * is a place; one with it set is a map of the 63 places behind it.
 */
export function readRelr(dynamic: DynamicSection): readonly bigint[] {
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
      places.push(word);
      next = word + 8n;
      continue;
    }
    for (let bit = 0; bit < PLACES_OF_A_WORD; bit++) {
      if (((word >> BigInt(bit + 1)) & 1n) === 1n) places.push(next + BigInt(bit * 8));
    }
    next += BigInt(PLACES_OF_A_WORD * 8);
  }
  return places;
}

/**
 * Where the pointers of an x86-64 file lead once it is loaded, by their own address: what RELATIVE, and 64
 * and GLOB_DAT to a symbol of the file itself, write. Places of DT_RELR hold their address in the file.
 */
export function pointersOf(
  dynamic: DynamicSection,
  symbols: readonly { readonly value: bigint; readonly sectionIndex: number }[],
): ReadonlyMap<bigint, bigint> {
  const pointers = new Map<bigint, bigint>();
  for (const { offset, type, symbolIndex, addend } of readDynamicRelocations(dynamic)) {
    if (type === R_X86_64.RELATIVE) pointers.set(offset, addend ?? 0n);
    if (type !== R_X86_64[64] && type !== R_X86_64.GLOB_DAT) continue;
    const symbol = symbols[symbolIndex];
    if (symbol === undefined || symbol.sectionIndex === 0) continue;
    pointers.set(offset, symbol.value + (type === R_X86_64[64] ? (addend ?? 0n) : 0n));
  }
  return pointers;
}
