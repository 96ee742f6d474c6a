import { SHT } from './constants.js';
import { entryCount, sectionBytes } from './contents.js';
import { ElfError } from './errors.js';
import type { ElfFile, ElfSection } from './file.js';
import { StringTable } from './strings.js';

/** Ours: Xen has some ten thousand symbols, a Linux kernel two hundred thousand. */
export const MAX_SYMBOLS = 1 << 20;

export interface ElfSymbol {
  /** Place in its table; 0 is the null symbol, which every table begins with. */
  readonly index: number;
  /** latin1-decoded: escape before printing. Empty for sections and the null symbol. */
  readonly name: string;
  /** Offset in its section (ET_REL) or address (ET_EXEC). */
  readonly value: bigint;
  readonly size: bigint;
  /** See STT. */
  readonly type: number;
  /** See STB. */
  readonly binding: number;
  /** See STV. */
  readonly visibility: number;
  /** st_shndx: a section's index, or one of SHN. Not checked against the number of sections. */
  readonly sectionIndex: number;
}

/** Size of a symbol in its table, in bytes. */
export function symbolEntrySize(elf: ElfFile): number {
  return elf.class === 64 ? 24 : 16;
}

/**
 * The symbols of the file's only SHT_SYMTAB section, the null symbol included. Null where there is no
 * such section (a stripped file), an empty array where it is empty. Fails where there are several.
 */
export function readSymbols(elf: ElfFile): readonly ElfSymbol[] | null {
  const tables = elf.sections.filter((section) => section.type === SHT.SYMTAB);
  const [table] = tables;
  if (table === undefined) return null;
  if (tables.length > 1) {
    throw new ElfError('elf-invalid', {
      field: 'symbol table',
      offset: null,
      expected: 'one section of type SYMTAB',
      actual: `${tables.length} (sections ${tables.map((t) => t.index).join(', ')})`,
    });
  }
  return readSymbolTable(elf, table);
}

/** The symbols of one section of type SYMTAB or DYNSYM. */
export function readSymbolTable(elf: ElfFile, section: ElfSection): readonly ElfSymbol[] {
  const entrySize = symbolEntrySize(elf);
  const count = entryCount(section, entrySize, MAX_SYMBOLS);
  return symbolsIn(sectionBytes(elf, section), elf.class, count, linkedStrings(elf, section));
}

/** `count` symbols out of bytes that hold them all. */
export function symbolsIn(
  bytes: Uint8Array,
  elfClass: 32 | 64,
  count: number,
  names: StringTable,
): readonly ElfSymbol[] {
  const entrySize = elfClass === 64 ? 24 : 16;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const readSymbol = elfClass === 64 ? readSymbol64 : readSymbol32;
  const symbols: ElfSymbol[] = [];
  for (let index = 0; index < count; index++) {
    symbols.push(readSymbol(view, index * entrySize, index, names));
  }
  return symbols;
}

/** The string table that a section's sh_link points at. */
function linkedStrings(elf: ElfFile, section: ElfSection): StringTable {
  const strings = elf.sections[section.link];
  if (strings === undefined || strings.type !== SHT.STRTAB) {
    throw new ElfError('elf-invalid', {
      field: `link of section ${section.index} (${section.name})`,
      offset: null,
      expected: 'the index of a section of type STRTAB',
      actual:
        strings === undefined
          ? `${section.link} of ${elf.sections.length} sections`
          : `${section.link}, which has type ${strings.type}`,
    });
  }
  return new StringTable(sectionBytes(elf, strings), `section ${strings.index} (${strings.name})`);
}

function readSymbol64(view: DataView, at: number, index: number, names: StringTable): ElfSymbol {
  const info = view.getUint8(at + 4);
  return {
    index,
    name: names.at(view.getUint32(at, true), 'symbol', index),
    value: view.getBigUint64(at + 8, true),
    size: view.getBigUint64(at + 16, true),
    type: info & 0xf,
    binding: info >> 4,
    visibility: view.getUint8(at + 5) & 0x3,
    sectionIndex: view.getUint16(at + 6, true),
  };
}

function readSymbol32(view: DataView, at: number, index: number, names: StringTable): ElfSymbol {
  const info = view.getUint8(at + 12);
  return {
    index,
    name: names.at(view.getUint32(at, true), 'symbol', index),
    value: BigInt(view.getUint32(at + 4, true)),
    size: BigInt(view.getUint32(at + 8, true)),
    type: info & 0xf,
    binding: info >> 4,
    visibility: view.getUint8(at + 13) & 0x3,
    sectionIndex: view.getUint16(at + 14, true),
  };
}
