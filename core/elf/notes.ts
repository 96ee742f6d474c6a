import { ByteReader } from './bytes.js';
import { ElfError } from './errors.js';

const HEADER_SIZE = 12;

export interface ElfNote {
  /** Owner without its NUL, latin1-decoded; empty where the note has no name. */
  readonly name: string;
  /** Meaning depends on the name: 3 of `GNU` is a build-id. */
  readonly type: number;
  /** A view of the bytes that were read, without padding. May be empty. */
  readonly desc: Uint8Array;
  /** Where the note begins, in the bytes that were read. */
  readonly offset: number;
}

/**
 * The notes in the contents of a note section or segment, one by one. `what` names them in messages.
 * No bytes are no notes. Padding is to 4 bytes; that of the last note may be missing.
 *
 * Throws an ElfError at the first note that is not all there, and ends with it: where the next one
 * would begin is not known then.
 */
export function* readNotes(bytes: Uint8Array, what: string): Generator<ElfNote, void, undefined> {
  const reader = new ByteReader(bytes, what);
  let offset = 0;
  while (offset < bytes.length) {
    const nameSize = reader.u32(offset, `namesz of the note in ${what}`);
    const descSize = reader.u32(offset + 4, `descsz of the note in ${what}`);
    const type = reader.u32(offset + 8, `type of the note in ${what}`);
    const nameAt = offset + HEADER_SIZE;
    const name = reader.slice(nameAt, nameSize, `name of the note in ${what}`);
    const descAt = nameAt + padded(nameSize);
    const desc =
      descSize === 0
        ? bytes.subarray(0, 0)
        : reader.slice(descAt, descSize, `desc of the note in ${what}`);
    yield { name: noteName(name, nameAt, what), type, desc, offset };
    offset = descAt + padded(descSize);
  }
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function noteName(bytes: Uint8Array, offset: number, what: string): string {
  if (bytes.length === 0) return '';
  if (bytes.at(-1) !== 0) {
    throw new ElfError('elf-invalid', {
      field: `name of the note in ${what}`,
      offset: BigInt(offset),
      expected: `a NUL as the last of its ${bytes.length} bytes`,
      actual: `0x${bytes.at(-1)?.toString(16)}`,
    });
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - 1).toString('latin1');
}
