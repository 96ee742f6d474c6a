import { ByteReader } from './bytes.js';
import { SHN, SHT } from './constants.js';
import { ElfError } from './errors.js';
import { StringTable } from './strings.js';
import { type ElfySection, readWithElfy } from './with-elfy.js';

/** The file header. Names follow the e_* fields; all values are exact. */
export interface ElfHeader {
  /** e_type, see ET. */
  readonly type: number;
  /** e_machine, see EM. */
  readonly machine: number;
  readonly osAbi: number;
  readonly abiVersion: number;
  /** e_version; always 1. */
  readonly version: number;
  readonly entry: bigint;
  readonly flags: number;
  readonly headerSize: number;
  readonly programHeaderOffset: bigint;
  readonly programHeaderSize: number;
  readonly programHeaderCount: number;
  readonly sectionHeaderOffset: bigint;
  readonly sectionHeaderSize: number;
  readonly sectionHeaderCount: number;
  /** e_shstrndx: index of the section that holds the names of sections; 0 where there is none. */
  readonly sectionNameIndex: number;
}

/** A section header. What it says about its contents is a claim until sectionBytes has checked it. */
export interface ElfSection {
  readonly index: number;
  /** latin1-decoded: escape before printing. Empty where the file has no section names. */
  readonly name: string;
  /** sh_type, see SHT. */
  readonly type: number;
  /** sh_flags, see SHF. */
  readonly flags: bigint;
  readonly address: bigint;
  readonly offset: bigint;
  readonly size: bigint;
  readonly link: number;
  readonly info: number;
  readonly alignment: bigint;
  readonly entrySize: bigint;
}

/** A program header. What it says about its contents is a claim until segmentBytes has checked it. */
export interface ElfSegment {
  readonly index: number;
  /** p_type, see PT. */
  readonly type: number;
  /** p_flags, see PF. */
  readonly flags: number;
  readonly offset: bigint;
  readonly virtualAddress: bigint;
  readonly physicalAddress: bigint;
  readonly fileSize: bigint;
  readonly memorySize: bigint;
  readonly alignment: bigint;
}

/** An ELF file whose headers are in order. Contents are read later, by the functions beside this one. */
export interface ElfFile {
  readonly class: 32 | 64;
  /** The whole file. Not a copy: do not change it. */
  readonly bytes: Uint8Array;
  readonly header: ElfHeader;
  /** In the order of the table, the null section 0 included. Empty where the file has no table. */
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
}

/** Sizes that the specification gives, in bytes. */
export const SIZES = {
  32: { header: 52, section: 40, segment: 32 },
  64: { header: 64, section: 64, segment: 56 },
} as const;

const IDENT_SIZE = 16;
const MAGIC = 0x464c457f;

/** True for bytes that begin as an ELF file does, whatever follows. */
export function looksLikeElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new ByteReader(bytes, 'the file').u32(0, 'e_ident') === MAGIC;
}

/**
 * Reads the headers of a little-endian ELF32 or ELF64 file. Section contents are neither read nor
 * checked here, so that a file with one bad section can still be looked at.
 *
 * Fails with an ElfError on anything else: other bytes, big-endian files, tables that are not all
 * there or have entries of another size, names outside their table, extended numbering (files with
 * more than 65,279 sections).
 */
export function readElf(bytes: Uint8Array): ElfFile {
  const file = new ByteReader(bytes, 'the file');
  const elfClass = checkIdent(file);
  const { header, sectionHeaders } = readHeader(file, elfClass);
  const names = sectionNames(file, elfClass, header, sectionHeaders);
  const sections = sectionHeaders.map((known, index) => {
    const name = names === null ? '' : names.at(known.name, 'section', index);
    return readSection(file, elfClass, header, index, known, name);
  });
  const segments = Array.from({ length: header.programHeaderCount }, (_, index) =>
    readSegment(file, elfClass, header, index),
  );
  return { class: elfClass, bytes, header, sections, segments };
}

/** What the first bytes tell of a file that is no ELF file. */
function beginningOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file';
  const start = Buffer.from(bytes.subarray(0, 40)).toString('latin1');
  if (start.startsWith('version https://git-lfs')) {
    return 'a pointer of Git LFS, which stands for the file (git lfs pull fetches it)';
  }
  const hex = [...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, '0')).join(' ');
  if (start.startsWith('\u001f\u008b')) return `${hex}, as a gzipped file has`;
  return /^[\t\n\r\x20-\x7e]+$/.test(start) ? `${hex}, as a text has` : hex;
}

/** The class, once all of e_ident is known to be in order. */
export function checkIdent(file: ByteReader): 32 | 64 {
  if (file.sizeBytes < 4 || file.u32(0, 'e_ident') !== MAGIC) {
    throw new ElfError('elf-not-elf', {
      field: 'e_ident',
      offset: 0n,
      expected: 'the bytes 7f 45 4c 46',
      actual: beginningOf(file.bytes),
    });
  }
  file.slice(0, IDENT_SIZE, 'e_ident');
  const elfClass = file.u8(4, 'EI_CLASS');
  if (elfClass !== 1 && elfClass !== 2) {
    throw invalid('EI_CLASS', 4, '1 (32-bit) or 2 (64-bit)', elfClass);
  }
  const data = file.u8(5, 'EI_DATA');
  if (data !== 1) {
    throw new ElfError('elf-unsupported', {
      field: 'EI_DATA',
      offset: 5n,
      expected: '1 (little-endian)',
      actual: data === 2 ? '2 (big-endian)' : String(data),
      hint: 'Xen runs on little-endian machines only: this file was built for something else.',
    });
  }
  const version = file.u8(6, 'EI_VERSION');
  if (version !== 1) throw invalid('EI_VERSION', 6, '1', version);
  return elfClass === 1 ? 32 : 64;
}

/**
 * The header, and the section headers as elfy enumerates them. What elfy relies on is checked here first: the
 * fixed header, both entry sizes, and that both tables lie in the file.
 */
function readHeader(
  file: ByteReader,
  elfClass: 32 | 64,
): { header: ElfHeader; sectionHeaders: readonly ElfySection[] } {
  const sizes = SIZES[elfClass];
  file.slice(0, sizes.header, 'ELF header');
  const { header: known, sections } = readWithElfy(file.bytes);
  const wide = elfClass === 64;
  const header: ElfHeader = {
    type: file.u16(16, 'e_type'),
    machine: file.u16(18, 'e_machine'),
    osAbi: file.u8(7, 'EI_OSABI'),
    abiVersion: file.u8(8, 'EI_ABIVERSION'),
    version: known.version,
    entry: wide ? file.u64(24, 'e_entry') : BigInt(file.u32(24, 'e_entry')),
    flags: known.flags,
    headerSize: known.ehsize,
    programHeaderOffset: wide ? file.u64(32, 'e_phoff') : BigInt(file.u32(28, 'e_phoff')),
    programHeaderSize: known.phentsize,
    programHeaderCount: known.phnum,
    sectionHeaderOffset: wide ? file.u64(40, 'e_shoff') : BigInt(file.u32(32, 'e_shoff')),
    sectionHeaderSize: known.shentsize,
    sectionHeaderCount: known.shnum,
    sectionNameIndex: known.shstrndx,
  };
  if (header.version !== 1) throw invalid('e_version', 20, '1', header.version);
  checkTable(file, {
    offsetField: 'e_phoff',
    offset: header.programHeaderOffset,
    sizeField: 'e_phentsize',
    size: header.programHeaderSize,
    expectedSize: sizes.segment,
    countField: 'e_phnum',
    count: header.programHeaderCount,
  });
  checkTable(file, {
    offsetField: 'e_shoff',
    offset: header.sectionHeaderOffset,
    sizeField: 'e_shentsize',
    size: header.sectionHeaderSize,
    expectedSize: sizes.section,
    countField: 'e_shnum',
    count: header.sectionHeaderCount,
  });
  if (header.sectionHeaderOffset !== 0n && header.sectionHeaderCount === 0) {
    throw new ElfError('elf-unsupported', {
      field: 'e_shnum',
      offset: null,
      expected: 'a number of sections (extended numbering is not read)',
      actual: `0 with a section table at ${header.sectionHeaderOffset}`,
    });
  }
  return { header, sectionHeaders: sections() };
}

interface TableClaim {
  readonly offsetField: string;
  readonly offset: bigint;
  readonly sizeField: string;
  readonly size: number;
  readonly expectedSize: number;
  readonly countField: string;
  readonly count: number;
}

function checkTable(file: ByteReader, table: TableClaim): void {
  if (table.count === 0) return;
  if (table.offset === 0n) {
    throw invalid(table.offsetField, null, `the offset of ${table.count} entries`, 0);
  }
  if (table.size !== table.expectedSize) {
    throw invalid(table.sizeField, null, String(table.expectedSize), table.size);
  }
  file.slice(
    table.offset,
    table.count * table.size,
    `table of ${table.offsetField} (${table.countField} ${table.count})`,
  );
}

function readSection(
  file: ByteReader,
  elfClass: 32 | 64,
  header: ElfHeader,
  index: number,
  known: ElfySection,
  name: string,
): ElfSection {
  const at = Number(header.sectionHeaderOffset) + index * SIZES[elfClass].section;
  const common = {
    index,
    name,
    type: file.u32(at + 4, 'sh_type'),
    link: known.link,
    info: known.info,
  };
  if (elfClass === 64) {
    return {
      ...common,
      flags: file.u64(at + 8, 'sh_flags'),
      address: file.u64(at + 16, 'sh_addr'),
      offset: file.u64(at + 24, 'sh_offset'),
      size: file.u64(at + 32, 'sh_size'),
      alignment: file.u64(at + 48, 'sh_addralign'),
      entrySize: file.u64(at + 56, 'sh_entsize'),
    };
  }
  return {
    ...common,
    flags: BigInt(file.u32(at + 8, 'sh_flags')),
    address: BigInt(file.u32(at + 12, 'sh_addr')),
    offset: BigInt(file.u32(at + 16, 'sh_offset')),
    size: BigInt(file.u32(at + 20, 'sh_size')),
    alignment: BigInt(file.u32(at + 32, 'sh_addralign')),
    entrySize: BigInt(file.u32(at + 36, 'sh_entsize')),
  };
}

/** Null where the file says that its sections have no names. */
function sectionNames(
  file: ByteReader,
  elfClass: 32 | 64,
  header: ElfHeader,
  sections: readonly ElfySection[],
): StringTable | null {
  const { sectionNameIndex } = header;
  if (sectionNameIndex === SHN.UNDEF) return null;
  const known = sections[sectionNameIndex];
  if (known === undefined) {
    throw invalid(
      'e_shstrndx',
      null,
      `the index of one of ${sections.length} sections`,
      sectionNameIndex,
    );
  }
  const table = readSection(file, elfClass, header, sectionNameIndex, known, '');
  if (table.type !== SHT.STRTAB) {
    throw invalid('type of section e_shstrndx', null, `${SHT.STRTAB} (STRTAB)`, table.type);
  }
  return new StringTable(
    file.slice(table.offset, table.size, `section ${table.index} (section names)`),
    'the table of section names',
  );
}

/** Program header `index` of a table that is all there. */
export function readSegment(
  file: ByteReader,
  elfClass: 32 | 64,
  header: Pick<ElfHeader, 'programHeaderOffset'>,
  index: number,
): ElfSegment {
  const at = Number(header.programHeaderOffset) + index * SIZES[elfClass].segment;
  const type = file.u32(at, 'p_type');
  if (elfClass === 64) {
    return {
      index,
      type,
      flags: file.u32(at + 4, 'p_flags'),
      offset: file.u64(at + 8, 'p_offset'),
      virtualAddress: file.u64(at + 16, 'p_vaddr'),
      physicalAddress: file.u64(at + 24, 'p_paddr'),
      fileSize: file.u64(at + 32, 'p_filesz'),
      memorySize: file.u64(at + 40, 'p_memsz'),
      alignment: file.u64(at + 48, 'p_align'),
    };
  }
  return {
    index,
    type,
    flags: file.u32(at + 24, 'p_flags'),
    offset: BigInt(file.u32(at + 4, 'p_offset')),
    virtualAddress: BigInt(file.u32(at + 8, 'p_vaddr')),
    physicalAddress: BigInt(file.u32(at + 12, 'p_paddr')),
    fileSize: BigInt(file.u32(at + 16, 'p_filesz')),
    memorySize: BigInt(file.u32(at + 20, 'p_memsz')),
    alignment: BigInt(file.u32(at + 28, 'p_align')),
  };
}

function invalid(field: string, offset: number | null, expected: string, actual: number): ElfError {
  return new ElfError('elf-invalid', {
    field,
    offset: offset === null ? null : BigInt(offset),
    expected,
    actual: String(actual),
  });
}
