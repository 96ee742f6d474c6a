import { ElfError } from './errors.js';

/**
 * Little-endian fields out of bytes that nobody vouches for. Every read is checked against the end of
 * the bytes before it happens, and the caller says which field it is for, so that an error can too.
 *
 * Offsets are bigint where they come out of a file: sums of 64-bit values neither wrap nor round here.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** What the bytes are, for messages: `the file`, `section .symtab`. */
  readonly what: string;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes;
    this.what = what;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  u8(offset: number, field: string): number {
    this.#check(offset, 1, field);
    return this.#view.getUint8(offset);
  }

  u16(offset: number, field: string): number {
    this.#check(offset, 2, field);
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number, field: string): number {
    this.#check(offset, 4, field);
    return this.#view.getUint32(offset, true);
  }

  i32(offset: number, field: string): number {
    this.#check(offset, 4, field);
    return this.#view.getInt32(offset, true);
  }

  u64(offset: number, field: string): bigint {
    this.#check(offset, 8, field);
    return this.#view.getBigUint64(offset, true);
  }

  i64(offset: number, field: string): bigint {
    this.#check(offset, 8, field);
    return this.#view.getBigInt64(offset, true);
  }

  /** `size` bytes at `offset`, as a view of the same memory. Fails where they are not all there. */
  slice(offset: bigint | number, size: bigint | number, field: string): Uint8Array {
    const start = BigInt(offset);
    const end = start + BigInt(size);
    if (end > BigInt(this.bytes.length)) throw this.#past(start, end, field);
    return this.bytes.subarray(Number(start), Number(end));
  }

  #check(offset: number, size: number, field: string): void {
    if (offset + size > this.bytes.length) {
      throw this.#past(BigInt(offset), BigInt(offset + size), field);
    }
  }

  #past(start: bigint, end: bigint, field: string): ElfError {
    return new ElfError('elf-truncated', {
      field,
      offset: start,
      expected: `an end within the ${this.bytes.length} bytes of ${this.what}`,
      actual: `an end at ${end}`,
    });
  }
}
