import { type Code, XspliceError } from '../findings/index.js';

/** Where in an ELF file something is wrong, and the two values that disagree. */
export interface ElfProblem {
  /** The field or structure as the ELF specification or the caller names it, e.g. `e_shoff`. */
  readonly field: string;
  /** Byte offset of the field in the bytes that were being read; null where there is no one place. */
  readonly offset: bigint | null;
  readonly expected: string;
  readonly actual: string;
  readonly hint?: string;
}

/** `image-damaged`: of a PE file, which is read with the same reader. */
export type ElfErrorCode = Extract<Code, `elf-${string}` | 'image-damaged'>;

/**
 * The bytes are not the ELF structure they claim to be. The message names the field, its offset, and
 * both values; the same are there as properties.
 */
export class ElfError extends XspliceError {
  readonly field: string;
  readonly offset: bigint | null;
  readonly expected: string;
  readonly actual: string;

  constructor(code: ElfErrorCode, problem: ElfProblem) {
    const place = problem.offset === null ? '' : ` at offset 0x${problem.offset.toString(16)}`;
    super(
      code,
      `${capitalised(problem.field)}${place}: expected ${problem.expected}, found ${problem.actual}`,
      problem.hint === undefined ? {} : { hint: problem.hint },
    );
    this.field = problem.field;
    this.offset = problem.offset;
    this.expected = problem.expected;
    this.actual = problem.actual;
  }
}

/** Upper-cases the first letter of plain words; names such as `e_shoff` and `.symtab` stay as they are. */
function capitalised(field: string): string {
  return /^[a-z]+( |$)/.test(field) ? field.charAt(0).toUpperCase() + field.slice(1) : field;
}
