import { KSYM_NAME_LEN } from '../abi/livepatch.js';
import {
  type ByteReader,
  ElfError,
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  type RelocationTable,
  readRelocationTable,
  readSymbols,
  relocationSections,
  relocationTypeName,
  SHN,
  STT,
  sectionBytes,
} from '../elf/index.js';
import type { Pointer, RelocationCount } from './payload.js';
import type { Report } from './report.js';

/** Bytes of a pointer, on both machines. */
export const POINTER_SIZE = 8;

/** Ours, in bytes: four times what Xen's symbol table can hold (KSYM_NAME_LEN). */
const MAX_STRING_BYTES = 4 * KSYM_NAME_LEN;

/** A pointer, and the place in the payload it leads to if that is known. */
export interface Target {
  readonly pointer: Pointer;
  /** Null where the pointer leads out of the payload, or is no relocation. */
  readonly place: { readonly section: ElfSection; readonly offset: bigint } | null;
}

const NOWHERE: Target = { pointer: { kind: 'null' }, place: null };

/** The symbols and relocations of a payload, and what its pointers become by them. */
export class Links {
  readonly symbols: readonly ElfSymbol[];
  readonly relocationCounts: readonly RelocationCount[];
  readonly #elf: ElfFile;
  readonly #tables: readonly RelocationTable[];
  /** By index of the section they change, for those that were asked about. */
  readonly #relocations = new Map<number, ReadonlyMap<number, ElfRelocation>>();
  /** By section index and value: the symbols with a name, functions before others. */
  readonly #definitions = new Map<string, ElfSymbol>();
  readonly #contents = new Map<number, Uint8Array>();

  /** Reports `payload-no-symbols`, `payload-bad-symbols`, `payload-bad-relocations`. What can be read is kept. */
  constructor(elf: ElfFile, report: Report) {
    this.#elf = elf;
    this.symbols = symbolsOf(elf, report);
    for (const symbol of this.symbols) this.#define(symbol);
    this.#tables = relocationsOf(elf, report);
    this.relocationCounts = countTypes(elf, this.#tables);
  }

  /** What the eight bytes at `offset` of a section will be; `bytes` are the section's. */
  pointerAt(section: ElfSection, bytes: ByteReader, offset: number): Target {
    const inFile = bytes.u64(offset, `pointer at ${offset} of ${section.name}`);
    const relocation = this.#relocationsOf(section).get(offset);
    if (relocation === undefined) {
      if (inFile === 0n) return NOWHERE;
      return { pointer: { kind: 'value', value: inFile }, place: null };
    }
    const symbol = this.symbols[relocation.symbolIndex];
    const addend = relocation.addend ?? BigInt.asIntN(64, inFile);
    if (symbol === undefined || relocation.symbolIndex === 0) {
      const value = BigInt.asUintN(64, addend);
      return value === 0n ? NOWHERE : { pointer: { kind: 'value', value }, place: null };
    }
    const home = this.#homeOf(symbol);
    if (home === null) {
      return { pointer: { kind: 'symbol', symbol: symbol.name, addend }, place: null };
    }
    const place = { section: home, offset: BigInt.asUintN(64, symbol.value + addend) };
    if (symbol.type !== STT.SECTION && symbol.name !== '') {
      return { pointer: { kind: 'symbol', symbol: symbol.name, addend }, place };
    }
    const there = this.#definitions.get(placeKey(home.index, place.offset));
    const pointer: Pointer = there
      ? { kind: 'symbol', symbol: there.name, addend: 0n }
      : { kind: 'symbol', symbol: home.name, addend: symbol.value + addend };
    return { pointer, place };
  }

  /**
   * The NUL-terminated string a pointer leads to, latin1-decoded; null where it leads to none of at
   * most {@link MAX_STRING_BYTES} bytes.
   */
  stringAt(target: Target): string | null {
    if (target.place === null) return null;
    const { section, offset } = target.place;
    const bytes = this.#contentsOf(section);
    if (offset >= BigInt(bytes.length)) return null;
    const start = Number(offset);
    const tail = bytes.subarray(start, start + MAX_STRING_BYTES + 1);
    const end = tail.indexOf(0);
    return end < 0 ? null : Buffer.from(tail.subarray(0, end)).toString('latin1');
  }

  #define(symbol: ElfSymbol): void {
    if (symbol.name === '' || symbol.type === STT.SECTION || symbol.type === STT.FILE) return;
    if (symbol.sectionIndex === SHN.UNDEF || symbol.sectionIndex >= SHN.LORESERVE) return;
    const key = placeKey(symbol.sectionIndex, symbol.value);
    const known = this.#definitions.get(key);
    if (known === undefined || (known.type !== STT.FUNC && symbol.type === STT.FUNC)) {
      this.#definitions.set(key, symbol);
    }
  }

  /** By offset: the last one wins, NONE (0) is none. Offsets that round lie in no section. */
  #relocationsOf({ index }: ElfSection): ReadonlyMap<number, ElfRelocation> {
    const known = this.#relocations.get(index);
    if (known !== undefined) return known;
    const relocations = new Map<number, ElfRelocation>();
    for (const { target, entries } of this.#tables) {
      if (target?.index !== index) continue;
      for (const entry of entries) {
        if (entry.type !== 0) relocations.set(Number(entry.offset), entry);
      }
    }
    this.#relocations.set(index, relocations);
    return relocations;
  }

  #homeOf(symbol: ElfSymbol): ElfSection | null {
    if (symbol.sectionIndex === SHN.UNDEF || symbol.sectionIndex >= SHN.LORESERVE) return null;
    return this.#elf.sections[symbol.sectionIndex] ?? null;
  }

  /** Empty where the section has no contents in the file. */
  #contentsOf(section: ElfSection): Uint8Array {
    const known = this.#contents.get(section.index);
    if (known !== undefined) return known;
    const bytes = contentsOf(this.#elf, section);
    this.#contents.set(section.index, bytes);
    return bytes;
  }
}

function contentsOf(elf: ElfFile, section: ElfSection): Uint8Array {
  try {
    return sectionBytes(elf, section);
  } catch (error) {
    if (error instanceof ElfError) return new Uint8Array();
    throw error;
  }
}

function placeKey(section: number, offset: bigint): string {
  return `${section}:${offset}`;
}

function symbolsOf(elf: ElfFile, report: Report): readonly ElfSymbol[] {
  try {
    const symbols = readSymbols(elf);
    if (symbols !== null) return symbols;
    report({
      code: 'payload-no-symbols',
      severity: 'error',
      message: 'There is no symbol table, without which Xen loads nothing',
    });
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    report({
      code: 'payload-bad-symbols',
      severity: 'error',
      message: `The symbols cannot be read: ${error.message}`,
      expected: error.expected,
      actual: error.actual,
    });
  }
  return [];
}

function relocationsOf(elf: ElfFile, report: Report): readonly RelocationTable[] {
  const tables: RelocationTable[] = [];
  let total = 0n;
  for (const section of relocationSections(elf)) {
    total += section.size;
    // Tables may overlap in the file: it is their sum that has to be bounded.
    if (total > BigInt(elf.bytes.length)) {
      report({
        code: 'payload-bad-relocations',
        severity: 'error',
        section: section.name,
        message: `The relocations up to ${section.name} have ${total} bytes, more than the ${elf.bytes.length} of the whole file: their tables overlap`,
      });
      break;
    }
    try {
      tables.push(readRelocationTable(elf, section));
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      report({
        code: 'payload-bad-relocations',
        severity: 'error',
        section: section.name,
        message: `The relocations in ${section.name} cannot be read: ${error.message}`,
        expected: error.expected,
        actual: error.actual,
      });
    }
  }
  return tables;
}

function countTypes(elf: ElfFile, tables: readonly RelocationTable[]): readonly RelocationCount[] {
  const counts = new Map<number, number>();
  for (const { entries } of tables) {
    for (const { type } of entries) counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return [...counts]
    .sort(([typeA, a], [typeB, b]) => b - a || typeA - typeB)
    .map(([type, count]) => ({ type: relocationTypeName(elf.header.machine, type), count }));
}
