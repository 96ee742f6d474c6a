import { ElfError } from './errors.js';

/**
 * Distinct names may add up to this many times the size of their table. Linkers share tails (`.text`
 * in `.rela.text`), which stays below 2; a table made to be read out over and over does not.
 */
const MAX_SHARING = 8;
/**
 * Ours, in bytes: what the names read out of one table may add up to, each as often as it is asked for. A
 * Linux kernel's come to some 5 MiB. A table that is made to be read over and over comes to any size.
 */
const MAX_NAME_BYTES = 16 * 1024 * 1024;

/** NUL-terminated names by offset: the contents of a SHT_STRTAB section. */
export class StringTable {
  /** One character a byte. */
  readonly #text: string;
  readonly #what: string;
  readonly #known = new Map<number, string>();
  /** Bytes of distinct names, and of all names, that may still be read. */
  #distinct: number;
  #all = MAX_NAME_BYTES;

  /** `what` names the table in messages, e.g. `section .strtab`. */
  constructor(bytes: Uint8Array, what: string) {
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    this.#what = what;
    this.#distinct = bytes.length * MAX_SHARING;
  }

  /**
   * The name at `offset`, latin1-decoded, so that every byte survives: escape it before printing.
   * Offset 0 of an empty table is the empty name, as the specification has it. Fails on an offset
   * past the end and on a name whose NUL is missing; `owner` and `index` say whose name it is.
   */
  at(offset: number, owner: 'section' | 'symbol', index: number): string {
    const known = this.#known.get(offset);
    const name = known ?? this.#read(offset, owner, index);
    this.#all -= name.length;
    if (known === undefined) this.#distinct -= name.length;
    if (this.#all < 0 || this.#distinct < 0) {
      throw new ElfError('elf-too-large', {
        field: `name of ${owner} ${index}`,
        offset: null,
        expected: `names of at most ${Math.min(MAX_NAME_BYTES, this.#text.length * MAX_SHARING)} bytes in all from ${this.#what}`,
        actual: 'more: names overlap each other again and again',
      });
    }
    this.#known.set(offset, name);
    return name;
  }

  #read(offset: number, owner: 'section' | 'symbol', index: number): string {
    if (offset === 0 && this.#text.length === 0) return '';
    if (offset >= this.#text.length) {
      throw new ElfError('elf-invalid', {
        field: `name of ${owner} ${index}`,
        offset: null,
        expected: `an offset within the ${this.#text.length} bytes of ${this.#what}`,
        actual: String(offset),
      });
    }
    const end = this.#text.indexOf('\0', offset);
    if (end < 0) {
      throw new ElfError('elf-invalid', {
        field: `name of ${owner} ${index}`,
        offset: null,
        expected: `a NUL after offset ${offset} of ${this.#what}`,
        actual: `none in the remaining ${this.#text.length - offset} bytes`,
      });
    }
    return this.#text.slice(offset, end);
  }
}
