import { ElfError, type ElfProgram, EM, ET, PAGE_SIZE, PT, readProgram } from '../elf/index.js';

const HEADER_SIZE = 64;
const MAGIC = 0x464c457f;

/** What the dynamic linker makes of the file before it looks at what is in it. */
export type Opened =
  | { readonly kind: 'opened'; readonly program: ElfProgram }
  /** Of another class or machine: a search goes on as if it was not there. */
  | { readonly kind: 'foreign'; readonly reason: string; readonly is32Bit: boolean }
  /** It is refused with these words. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Mapping it works, and touching it kills the process with SIGBUS. */
  | { readonly kind: 'kills'; readonly reason: string };

/**
 * The checks of glibc's open_verify and _dl_map_object_from_fd (elf/dl-load.c), in their order, on x86-64.
 * Measured with glibc 2.31, 2.36, 2.41 and 2.43.
 */
export function openObject(bytes: Uint8Array): Opened {
  if (bytes.length < HEADER_SIZE) return refused('file too short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return refused('invalid ELF header');
  if (bytes[4] !== 2) {
    return { kind: 'foreign', reason: 'wrong ELF class: ELFCLASS32', is32Bit: true };
  }
  if (bytes[5] !== 1) return refused('ELF file data encoding not little-endian');
  if (bytes[6] !== 1) return refused('ELF file version ident does not match current one');
  const machine = view.getUint16(18, true);
  if (machine !== EM.X86_64) {
    const reason = 'cannot open shared object file: No such file or directory';
    return { kind: 'foreign', reason, is32Bit: false };
  }
  const type = view.getUint16(16, true);
  if (type !== ET.DYN && type !== ET.EXEC) {
    return refused('only ET_DYN and ET_EXEC can be loaded');
  }
  if (view.getUint16(54, true) !== 56) {
    return refused("ELF file's phentsize not the expected size");
  }
  let program: ElfProgram;
  try {
    program = readProgram(bytes);
  } catch (error) {
    if (error instanceof ElfError) return refused('cannot read file data');
    throw error;
  }
  const loaded = program.segments.filter((segment) => segment.type === PT.LOAD);
  if (loaded.length === 0) return refused('object file has no loadable segments');
  const lastPage = BigInt(Math.floor((bytes.length - 1) / PAGE_SIZE));
  for (const { offset, fileSize } of loaded) {
    if (fileSize === 0n || (offset + fileSize - 1n) / BigInt(PAGE_SIZE) <= lastPage) continue;
    const reason = `the file has ${bytes.length} bytes, and a segment ends at ${offset + fileSize}`;
    return { kind: 'kills', reason };
  }
  return { kind: 'opened', program };
}

/** By how many bytes the file is shorter than its segments say: zeros stand there instead. 0 where whole. */
export function missingBytes({ bytes, segments }: ElfProgram): number {
  const ends = segments
    .filter(({ type }) => type === PT.LOAD)
    .map(({ offset, fileSize }) => Number(offset + fileSize));
  return Math.max(0, Math.max(0, ...ends) - bytes.length);
}

function refused(reason: string): Opened {
  return { kind: 'refused', reason };
}
