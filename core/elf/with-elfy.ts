import elfy from 'elfy';

/** The fields of the file header that fit 32 bits, which elfy gets right. */
export interface ElfyHeader {
  readonly version: number;
  readonly flags: number;
  readonly ehsize: number;
  readonly phentsize: number;
  readonly phnum: number;
  readonly shentsize: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

/** The same of a section header; `name` is an offset into the string table. */
export interface ElfySection {
  readonly name: number;
  readonly link: number;
  readonly info: number;
}

/**
 * A file as elfy reads it. elfy slices without looking: the whole header has to be there, and both tables have to
 * lie in the file before `sections` is called. It leaves out resolveBody, which asserts and scans names without bound.
 */
export function readWithElfy(bytes: Uint8Array): {
  readonly header: ElfyHeader;
  readonly sections: () => readonly ElfySection[];
} {
  const parser = new elfy.Parser();
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = parser.parseHeader(buffer);
  return { header, sections: () => parser.parseBody(buffer, header).sections };
}
