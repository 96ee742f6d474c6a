import { ByteReader } from './bytes.js';
import { PT } from './constants.js';
import { ElfError } from './errors.js';
import type { ElfSegment } from './file.js';
import type { ElfProgram } from './program.js';

/** Size of a page of every x86-64 Linux: what is mapped of a file ends at the end of one. */
export const PAGE_SIZE = 4096;
/** Ours: no name in a program is longer. */
const MAX_STRING = 4096;

/**
 * The file's bytes by address, as its segments put them into memory. Behind the end of a file that was cut
 * short lie zeros up to the end of its last page, as mmap gives them.
 */
export class MappedFile {
  readonly #file: ByteReader;
  readonly #segments: readonly ElfSegment[];

  constructor({ bytes, segments }: ElfProgram) {
    this.#segments = segments.filter(({ type }) => type === PT.LOAD);
    this.#file = new ByteReader(toLastPage(bytes, this.#segments), 'the file');
  }

  /** `size` bytes that one segment has at `address`. Fails where they are not all in the file. */
  slice(address: bigint, size: bigint | number, field: string): Uint8Array {
    const segment = this.#segmentAt(address);
    if (segment === undefined || address - segment.virtualAddress >= segment.fileSize) {
      throw outside(address, field);
    }
    const inside = address - segment.virtualAddress;
    if (inside + BigInt(size) > segment.fileSize) throw outside(address + BigInt(size), field);
    return this.#file.slice(segment.offset + inside, size, field);
  }

  /** All that a segment has in the file from `address` on. */
  rest(address: bigint, field: string): Uint8Array {
    const segment = this.#segmentAt(address);
    const left = segment === undefined ? 0n : segment.virtualAddress + segment.fileSize - address;
    if (left <= 0n) throw outside(address, field);
    return this.slice(address, left, field);
  }

  /** One byte of memory: of the file, or a zero behind what a segment has of it. Null outside. */
  byteAt(address: bigint): number | null {
    const segment = this.#segmentAt(address);
    if (segment === undefined) return null;
    const inside = address - segment.virtualAddress;
    if (inside >= segment.fileSize) return 0;
    return this.#file.u8(Number(segment.offset + inside), 'a byte of memory');
  }

  /** The NUL-terminated text at `address`, latin1-decoded: escape before printing. */
  text(address: bigint, field: string): string {
    const bytes = this.rest(address, field).subarray(0, MAX_STRING);
    const end = bytes.indexOf(0);
    if (end < 0) throw outside(address + BigInt(bytes.length), `the NUL of ${field}`);
    return Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1');
  }

  #segmentAt(address: bigint): ElfSegment | undefined {
    return this.#segments.find(
      ({ virtualAddress, memorySize }) =>
        address >= virtualAddress && address - virtualAddress < memorySize,
    );
  }
}

/** The file with zeros up to the end of its last page, where a segment reaches behind its end. */
function toLastPage(bytes: Uint8Array, segments: readonly ElfSegment[]): Uint8Array {
  const isWhole = segments.every(
    ({ offset, fileSize }) => offset + fileSize <= BigInt(bytes.length),
  );
  if (isWhole) return bytes;
  const padded = new Uint8Array(Math.ceil(bytes.length / PAGE_SIZE) * PAGE_SIZE);
  padded.set(bytes);
  return padded;
}

function outside(address: bigint, field: string): ElfError {
  return new ElfError('elf-invalid', {
    field,
    offset: null,
    expected: 'an address within a segment of the file',
    actual: `0x${address.toString(16)}`,
    hint: 'The file was damaged: compare its size and checksum with the original.',
  });
}
