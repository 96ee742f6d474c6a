import {
  ElfError,
  type ElfFile,
  type ElfSymbol,
  R_X86_64,
  readRelocations,
  readSymbols,
  SHF,
  SHN,
  STT,
  sectionBytes,
} from '../elf/index.js';
import { type Finding, finding } from '../findings/index.js';
import type { SymbolTable, XenSymbol } from '../image/index.js';

/** As nm has them. What is weak and untyped may be either. */
const CODE = 'Tt';
const DATA = 'DdBbRr';

/**
 * What a payload takes symbols of Xen for, compared with what they are: code that is called, data that is read, and of
 * what size. Xen asks for the name alone.
 */
export function importClaims(file: string, elf: ElfFile, table: SymbolTable): readonly Finding[] {
  try {
    const symbols = readSymbols(elf) ?? [];
    const called = calledSymbols(elf);
    return symbols.flatMap((symbol) => {
      if (symbol.sectionIndex !== SHN.UNDEF || symbol.name === '') return [];
      const there = entriesOf(table, symbol.name);
      const wrong =
        there.length === 0 ? null : whatDiffers(symbol, called.has(symbol.index), there);
      if (wrong === null) return [];
      const { taken, expected, actual } = wrong;
      const message = `${file}: ${taken}; in this Xen ${symbol.name} is ${expected}`;
      return [finding('import-differs', { file, symbol: symbol.name, expected, actual, message })];
    });
  } catch (error) {
    // The reader says what is wrong with them.
    if (error instanceof ElfError) return [];
    throw error;
  }
}

interface Difference {
  /** What the payload does. */
  readonly taken: string;
  readonly expected: string;
  readonly actual: string;
}

function whatDiffers(
  { name, type, size }: ElfSymbol,
  isCalled: boolean,
  there: readonly XenSymbol[],
): Difference | null {
  const isAll = (types: string) =>
    there.every((one) => one.type !== '' && types.includes(one.type));
  if ((isCalled || type === STT.FUNC) && isAll(DATA)) {
    const taken = isCalled ? `calls ${name}` : `takes ${name} for a function`;
    return { taken, expected: 'data', actual: 'code' };
  }
  if (type === STT.OBJECT && !isCalled && isAll(CODE)) {
    return { taken: `takes ${name} for data`, expected: 'code', actual: 'data' };
  }
  const sizes = [...new Set(there.map((one) => one.size))];
  if (size === 0n || sizes.some((one) => one === 0n || one === size)) return null;
  return {
    taken: `takes ${name} to have ${size} bytes`,
    expected: `${sizes.join(' or ')} bytes long`,
    actual: `${size} bytes long`,
  };
}

/** Symbols that are called or jumped to, by their indexes. */
function calledSymbols(elf: ElfFile): ReadonlySet<number> {
  const called = new Set<number>();
  for (const { target, entries } of readRelocations(elf)) {
    if (target === null || (target.flags & SHF.EXECINSTR) === 0n) continue;
    const code = sectionBytes(elf, target);
    for (const { type, symbolIndex, offset } of entries) {
      const isRelative = type === R_X86_64.PLT32 || type === R_X86_64.PC32;
      if (isRelative && isBranch(code, Number(offset))) called.add(symbolIndex);
    }
  }
  return called;
}

/**
 * Whether the distance at this place is that of a call (e8), a jump (e9) or a conditional one (0f 80 to 8f). What stands
 * before the distance of a memory operand is another byte (05 to 3d).
 */
function isBranch(code: Uint8Array, at: number): boolean {
  const last = code[at - 1] ?? 0;
  return last === 0xe8 || last === 0xe9 || (code[at - 2] === 0x0f && (last & 0xf0) === 0x80);
}

/** All that has a name. */
function entriesOf(table: SymbolTable, name: string): readonly XenSymbol[] {
  const there = table.addressesOf(name).flatMap((address) => table.at(address));
  return there.filter((one) => one.name === name);
}
