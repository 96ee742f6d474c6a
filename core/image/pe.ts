import { ByteReader, ElfError } from '../elf/index.js';
import type { MemoryRange } from './memory.js';

/** Names and values of the PE specification. */
const PE_SIGNATURE = 0x00004550;
const PE32_PLUS = 0x20b;
const COFF_HEADER_SIZE = 20;
const SECTION_HEADER_SIZE = 40;
const DEBUG_DIRECTORY = 6;
const DEBUG_ENTRY_SIZE = 28;
const IMAGE_DEBUG_TYPE_CODEVIEW = 2;
const RSDS = 0x53445352;
const GUID_SIZE = 16;
const IMAGE_SCN_MEM_DISCARDABLE = 0x02000000;
const IMAGE_SCN_MEM_EXECUTE = 0x20000000;
const IMAGE_SCN_MEM_WRITE = 0x80000000;
/** The Windows loader's limit on sections. */
const MAX_SECTIONS = 96;
/** Ours: one entry is the rule. */
const MAX_DEBUG_ENTRIES = 64;

export interface PeSection {
  readonly name: string;
  readonly range: MemoryRange;
  /** For the loader only: relocations, debug information. */
  readonly discardable: boolean;
}

/** A PE32+ file as far as xen.efi needs it. */
export interface PeFile {
  readonly machine: number;
  /** XEN_VIRT_START, for xen.efi. */
  readonly imageBase: bigint;
  readonly sections: readonly PeSection[];
  /** The GUID of the first CodeView record, as the bytes lie there; null where there is none. */
  readonly codeViewGuid: Uint8Array | null;
}

/** True for bytes that begin as a PE file does. */
export function looksLikePe(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x4d && bytes[1] === 0x5a;
}

/** Reads the headers of a PE32+ file. Fails with `image-damaged`, an ElfError of PE fields, on any other bytes. */
export function readPe(bytes: Uint8Array): PeFile {
  try {
    return readHeaders(bytes);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    const { field, offset, expected, actual } = error;
    throw new ElfError('image-damaged', { field, offset, expected, actual });
  }
}

function readHeaders(bytes: Uint8Array): PeFile {
  const file = new ByteReader(bytes, 'the file');
  const peAt = file.u32(0x3c, 'e_lfanew');
  expectValue('PE signature', peAt, file.u32(peAt, 'PE signature'), PE_SIGNATURE);
  const coffAt = peAt + 4;
  const optionalAt = coffAt + COFF_HEADER_SIZE;
  expectValue('optional header magic', optionalAt, file.u16(optionalAt, 'magic'), PE32_PLUS);
  const imageBase = file.u64(optionalAt + 24, 'ImageBase');
  const count = file.u16(coffAt + 2, 'NumberOfSections');
  if (count > MAX_SECTIONS) {
    throw invalid('NumberOfSections', coffAt + 2, `at most ${MAX_SECTIONS}`, count);
  }
  const tableAt = optionalAt + file.u16(coffAt + 16, 'SizeOfOptionalHeader');
  const sections = Array.from({ length: count }, (_, index) =>
    readSection(file, tableAt + index * SECTION_HEADER_SIZE, imageBase),
  );
  return {
    machine: file.u16(coffAt, 'Machine'),
    imageBase,
    sections,
    codeViewGuid: readCodeView(file, optionalAt, imageBase, sections),
  };
}

function readSection(file: ByteReader, at: number, imageBase: bigint): PeSection {
  const name = Buffer.from(file.slice(at, 8, 'section name'))
    .toString('latin1')
    .replace(/\0+$/, '');
  const virtualSize = file.u32(at + 8, `VirtualSize of ${name}`);
  const address = file.u32(at + 12, `VirtualAddress of ${name}`);
  const rawSize = file.u32(at + 16, `SizeOfRawData of ${name}`);
  const rawAt = file.u32(at + 20, `PointerToRawData of ${name}`);
  const flags = file.u32(at + 36, `Characteristics of ${name}`);
  const size = virtualSize === 0 ? rawSize : virtualSize;
  return {
    name,
    range: {
      address: imageBase + BigInt(address),
      bytes:
        rawAt === 0
          ? new Uint8Array()
          : file.slice(rawAt, Math.min(rawSize, size), `contents of ${name}`),
      sizeBytes: BigInt(size),
      writable: (flags & IMAGE_SCN_MEM_WRITE) !== 0,
      executable: (flags & IMAGE_SCN_MEM_EXECUTE) !== 0,
      init: name.startsWith('.init'),
    },
    discardable: (flags & IMAGE_SCN_MEM_DISCARDABLE) !== 0,
  };
}

/**
 * The id that xen_build_init (xen/common/version.c, 4.10 on) takes where there is no note: the GUID
 * of a CodeView record of type PDB 7.0.
 */
function readCodeView(
  file: ByteReader,
  optionalAt: number,
  imageBase: bigint,
  sections: readonly PeSection[],
): Uint8Array | null {
  if (file.u32(optionalAt + 108, 'NumberOfRvaAndSizes') <= DEBUG_DIRECTORY) return null;
  const directoryAt = optionalAt + 112 + DEBUG_DIRECTORY * 8;
  const address = imageBase + BigInt(file.u32(directoryAt, 'address of the debug directory'));
  const size = file.u32(directoryAt + 4, 'size of the debug directory');
  if (size === 0) return null;
  const count = Math.min(Math.floor(size / DEBUG_ENTRY_SIZE), MAX_DEBUG_ENTRIES);
  const section = sections.find(
    ({ range }) => address >= range.address && address < range.address + range.sizeBytes,
  );
  if (section === undefined) {
    throw new ElfError('image-damaged', {
      field: 'address of the debug directory',
      offset: BigInt(directoryAt),
      expected: 'an address in a section',
      actual: `0x${address.toString(16)}`,
    });
  }
  const directory = new ByteReader(section.range.bytes, `section ${section.name}`);
  const start = Number(address - section.range.address);
  for (let index = 0; index < count; index++) {
    const at = start + index * DEBUG_ENTRY_SIZE;
    if (directory.u32(at + 12, 'type of debug data') !== IMAGE_DEBUG_TYPE_CODEVIEW) continue;
    const recordAt = directory.u32(at + 24, 'place of the CodeView record');
    if (file.u32(recordAt, 'CodeView signature') !== RSDS) continue;
    return file.slice(recordAt + 4, GUID_SIZE, 'CodeView GUID');
  }
  return null;
}

function expectValue(field: string, offset: number, actual: number, expected: number): void {
  if (actual !== expected) throw invalid(field, offset, `0x${expected.toString(16)}`, actual);
}

function invalid(field: string, offset: number, expected: string, actual: number): ElfError {
  return new ElfError('image-damaged', {
    field,
    offset: BigInt(offset),
    expected,
    actual: `0x${actual.toString(16)}`,
  });
}
