import { SHT } from './constants.js';
import { entryCount, sectionBytes } from './contents.js';
import { ElfError } from './errors.js';
import type { ElfFile, ElfSection } from './file.js';
import { symbolEntrySize } from './symbols.js';

/** Ours: a payload of Xen's largest size, 2 MiB, has room for 87,381. */
const MAX_RELOCATIONS = 1 << 20;

export interface ElfRelocation {
  /** Offset in the target section (ET_REL). Not checked against its size. */
  readonly offset: bigint;
  /** See R_X86_64 and R_AARCH64. */
  readonly type: number;
  /** Index in the symbol table; 0 for none. Within the table. */
  readonly symbolIndex: number;
  /** Null in a SHT_REL section, where the addend is the value at the place itself. */
  readonly addend: bigint | null;
}

/** One section of relocations. */
export interface RelocationTable {
  readonly section: ElfSection;
  /** The section whose contents are changed; null where sh_info is 0. */
  readonly target: ElfSection | null;
  readonly symbolTable: ElfSection;
  readonly entries: readonly ElfRelocation[];
}

/**
 * All relocation sections, in the order of the section table. Fails where they overlap in the file, so that
 * they have more bytes in all than the file has: there is no end to what such tables hold.
 */
export function readRelocations(elf: ElfFile): readonly RelocationTable[] {
  const sections = relocationSections(elf);
  const total = sections.reduce((sum, { size }) => sum + size, 0n);
  if (total > BigInt(elf.bytes.length)) {
    throw new ElfError('elf-too-large', {
      field: 'relocation sections',
      offset: null,
      expected: `at most the ${elf.bytes.length} bytes of the file in all`,
      actual: String(total),
    });
  }
  return sections.map((section) => readRelocationTable(elf, section));
}

/** The sections of type REL and RELA, whatever is in them. */
export function relocationSections(elf: ElfFile): readonly ElfSection[] {
  return elf.sections.filter(({ type }) => type === SHT.RELA || type === SHT.REL);
}

/** The relocations of one section of type REL or RELA. */
export function readRelocationTable(elf: ElfFile, section: ElfSection): RelocationTable {
  const what = `section ${section.index} (${section.name})`;
  const withAddend = section.type === SHT.RELA;
  const word = elf.class === 64 ? 8 : 4;
  const entrySize = word * (withAddend ? 3 : 2);
  const count = entryCount(section, entrySize, MAX_RELOCATIONS);
  const symbolTable = elf.sections[section.link];
  if (
    symbolTable === undefined ||
    (symbolTable.type !== SHT.SYMTAB && symbolTable.type !== SHT.DYNSYM)
  ) {
    throw new ElfError('elf-invalid', {
      field: `link of ${what}`,
      offset: null,
      expected: 'the index of a symbol table',
      actual:
        symbolTable === undefined
          ? `${section.link} of ${elf.sections.length} sections`
          : `${section.link}, which has type ${symbolTable.type}`,
    });
  }
  const target = section.info === 0 ? null : elf.sections[section.info];
  if (target === undefined) {
    throw new ElfError('elf-invalid', {
      field: `info of ${what}`,
      offset: null,
      expected: `the index of one of ${elf.sections.length} sections`,
      actual: String(section.info),
    });
  }
  const symbolCount = symbolTable.size / BigInt(symbolEntrySize(elf));
  const bytes = sectionBytes(elf, section);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const readRelocation = elf.class === 64 ? readRelocation64 : readRelocation32;
  const entries: ElfRelocation[] = [];
  for (let index = 0; index < count; index++) {
    const at = index * entrySize;
    const entry = readRelocation(view, at, withAddend);
    if (entry.symbolIndex >= Number(symbolCount) && entry.symbolIndex !== 0) {
      throw new ElfError('elf-invalid', {
        field: `symbol of relocation ${index} in ${what}`,
        offset: BigInt(at),
        expected: `the index of one of ${symbolCount} symbols`,
        actual: String(entry.symbolIndex),
      });
    }
    entries.push(entry);
  }
  return { section, target, symbolTable, entries };
}

function readRelocation64(view: DataView, at: number, withAddend: boolean): ElfRelocation {
  return {
    offset: view.getBigUint64(at, true),
    type: view.getUint32(at + 8, true),
    symbolIndex: view.getUint32(at + 12, true),
    addend: withAddend ? view.getBigInt64(at + 16, true) : null,
  };
}

function readRelocation32(view: DataView, at: number, withAddend: boolean): ElfRelocation {
  const info = view.getUint32(at + 4, true);
  return {
    offset: BigInt(view.getUint32(at, true)),
    type: info & 0xff,
    symbolIndex: info >>> 8,
    addend: withAddend ? BigInt(view.getInt32(at + 8, true)) : null,
  };
}
