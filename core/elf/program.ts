import { ByteReader } from './bytes.js';
import { ElfError } from './errors.js';
import { checkIdent, type ElfSegment, readSegment, SIZES } from './file.js';

/** What is read of a file to run it: its segments. It may have no section headers, or broken ones. */
export interface ElfProgram {
  readonly class: 32 | 64;
  /** The whole file. Not a copy: do not change it. */
  readonly bytes: Uint8Array;
  /** e_type, see ET. */
  readonly type: number;
  /** e_machine, see EM. */
  readonly machine: number;
  readonly segments: readonly ElfSegment[];
}

/** Reads the header and the program headers, and nothing else. Fails as readElf does. */
export function readProgram(bytes: Uint8Array): ElfProgram {
  const file = new ByteReader(bytes, 'the file');
  const elfClass = checkIdent(file);
  const sizes = SIZES[elfClass];
  file.slice(0, sizes.header, 'ELF header');
  const wide = elfClass === 64;
  const programHeaderOffset = wide ? file.u64(32, 'e_phoff') : BigInt(file.u32(28, 'e_phoff'));
  const entrySize = file.u16(wide ? 54 : 42, 'e_phentsize');
  const count = file.u16(wide ? 56 : 44, 'e_phnum');
  if (count > 0 && entrySize !== sizes.segment) {
    throw new ElfError('elf-invalid', {
      field: 'e_phentsize',
      offset: null,
      expected: String(sizes.segment),
      actual: String(entrySize),
    });
  }
  file.slice(programHeaderOffset, count * entrySize, `table of e_phoff (e_phnum ${count})`);
  return {
    class: elfClass,
    bytes,
    type: file.u16(16, 'e_type'),
    machine: file.u16(18, 'e_machine'),
    segments: Array.from({ length: count }, (_, index) =>
      readSegment(file, elfClass, { programHeaderOffset }, index),
    ),
  };
}
