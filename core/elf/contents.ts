import { ByteReader } from './bytes.js';
import { SHT } from './constants.js';
import { ElfError } from './errors.js';
import type { ElfFile, ElfSection, ElfSegment } from './file.js';

/**
 * The bytes of a section, as a view of the file: empty for a section of size 0.
 *
 * A SHT_NOBITS section has no bytes in the file, which is not the same as having none: its
 * contents are zeros that exist only in memory. Asking for them is an ElfError, as is a section that
 * does not lie in the file.
 */
export function sectionBytes(elf: ElfFile, section: ElfSection): Uint8Array {
  const what = `section ${section.index} (${section.name})`;
  if (section.type === SHT.NOBITS) {
    throw new ElfError('elf-invalid', {
      field: `type of ${what}`,
      offset: null,
      expected: 'a section with contents in the file',
      actual: `${SHT.NOBITS} (NOBITS)`,
    });
  }
  return new ByteReader(elf.bytes, 'the file').slice(section.offset, section.size, what);
}

/** The bytes of a segment that are in the file; memory beyond them, up to memorySize, is zero. */
export function segmentBytes(elf: ElfFile, segment: ElfSegment): Uint8Array {
  return new ByteReader(elf.bytes, 'the file').slice(
    segment.offset,
    segment.fileSize,
    `segment ${segment.index}`,
  );
}

/** The first section of that name, or null. Names may repeat: filter `sections` to see all. */
export function sectionByName(elf: ElfFile, name: string): ElfSection | null {
  return elf.sections.find((section) => section.name === name) ?? null;
}

/**
 * The number of entries of a table section, from its size and its entry size, both checked against
 * the one size the entries can have and against a limit.
 */
export function entryCount(section: ElfSection, entrySize: number, limit: number): number {
  const what = `section ${section.index} (${section.name})`;
  if (section.entrySize !== BigInt(entrySize)) {
    throw new ElfError('elf-invalid', {
      field: `entry size of ${what}`,
      offset: null,
      expected: String(entrySize),
      actual: String(section.entrySize),
    });
  }
  if (section.size % BigInt(entrySize) !== 0n) {
    throw new ElfError('elf-invalid', {
      field: `size of ${what}`,
      offset: null,
      expected: `a multiple of ${entrySize}`,
      actual: String(section.size),
    });
  }
  const count = section.size / BigInt(entrySize);
  if (count > BigInt(limit)) {
    throw new ElfError('elf-too-large', {
      field: `size of ${what}`,
      offset: null,
      expected: `at most ${limit} entries`,
      actual: String(count),
    });
  }
  return Number(count);
}
