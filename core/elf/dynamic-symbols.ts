import { DT } from './constants.js';
import { type DynamicSection, dynamicValue } from './dynamic.js';
import { ElfError } from './errors.js';
import { type ElfSymbol, MAX_SYMBOLS, symbolsIn } from './symbols.js';

const SYMBOL_SIZE = 24;

/** The symbols that the dynamic linker sees, the null symbol included; empty where there are none. */
export function readDynamicSymbols(dynamic: DynamicSection): readonly ElfSymbol[] {
  const at = dynamicValue(dynamic, DT.SYMTAB);
  if (at === null) return [];
  const count = countSymbols(dynamic);
  const bytes = dynamic.memory.slice(at, count * SYMBOL_SIZE, 'DT_SYMTAB');
  return symbolsIn(bytes, 64, count, dynamic.strings);
}

/**
 * No entry tells how many symbols there are. DT_HASH has a chain of each; DT_GNU_HASH has them for what is
 * defined, which comes last; a relocation may name one that neither knows, in a file that defines nothing.
 */
function countSymbols(dynamic: DynamicSection): number {
  const hashed = countByGnuHash(dynamic) ?? countByHash(dynamic) ?? 0;
  const count = Math.max(hashed, highestRelocated(dynamic) + 1);
  if (count <= MAX_SYMBOLS) return count;
  throw new ElfError('elf-too-large', {
    field: 'number of dynamic symbols',
    offset: null,
    expected: `at most ${MAX_SYMBOLS}`,
    actual: String(count),
  });
}

function countByHash(dynamic: DynamicSection): number | null {
  const at = dynamicValue(dynamic, DT.HASH);
  if (at === null) return null;
  const bytes = dynamic.memory.slice(at, 8, 'DT_HASH');
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
}

function countByGnuHash(dynamic: DynamicSection): number | null {
  const at = dynamicValue(dynamic, DT.GNU_HASH);
  if (at === null) return null;
  const bytes = dynamic.memory.rest(at, 'DT_GNU_HASH');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (offset: number): number => {
    if (offset + 4 <= bytes.length) return view.getUint32(offset, true);
    throw new ElfError('elf-truncated', {
      field: 'DT_GNU_HASH',
      offset: BigInt(offset),
      expected: `an end within the ${bytes.length} bytes of its segment`,
      actual: `an end at ${offset + 4}`,
    });
  };
  const [bucketCount, firstHashed, filterWords] = [word(0), word(4), word(8)];
  const buckets = 16 + filterWords * 8;
  const chains = buckets + bucketCount * 4;
  let last = 0;
  for (let at = buckets; at < chains; at += 4) last = Math.max(last, word(at));
  if (last < firstHashed) return firstHashed;
  // The lowest bit ends a chain; the bytes end at some place in any case.
  while ((word(chains + (last - firstHashed) * 4) & 1) === 0) last++;
  return last + 1;
}

const RELOCATION_SIZE = 24;

/** The highest index that a relocation names, -1 without any. */
function highestRelocated(dynamic: DynamicSection): number {
  let highest = -1;
  for (const bytes of relocationBytes(dynamic)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 12; at < bytes.length; at += RELOCATION_SIZE) {
      highest = Math.max(highest, view.getUint32(at, true));
    }
  }
  return highest;
}

/** DT_RELA, then DT_JMPREL: the order in which the dynamic linker applies them. Whole entries only. */
export function relocationBytes(dynamic: DynamicSection): readonly Uint8Array[] {
  const tables = [
    [DT.RELA, DT.RELASZ, 'DT_RELA'],
    [DT.JMPREL, DT.PLTRELSZ, 'DT_JMPREL'],
  ] as const;
  return tables.flatMap(([tag, sizeTag, field]) => {
    const at = dynamicValue(dynamic, tag);
    const size = dynamicValue(dynamic, sizeTag) ?? 0n;
    if (at === null || size === 0n) return [];
    return [dynamic.memory.slice(at, size - (size % BigInt(RELOCATION_SIZE)), field)];
  });
}
