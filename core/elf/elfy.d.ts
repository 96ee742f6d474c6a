/**
 * The part of elfy 1.0.0 that core/elf uses. elfy ships no types. No exported signature of this
 * program mentions these, so our own declarations stand without this file.
 */
declare module 'elfy' {
  interface Header {
    readonly class: '32' | '64';
    readonly endian: 'lsb' | 'msb';
    readonly version: number;
    readonly flags: number;
    readonly ehsize: number;
    readonly phentsize: number;
    readonly phnum: number;
    readonly shentsize: number;
    readonly shnum: number;
    readonly shstrndx: number;
  }

  interface Body {
    readonly programs: readonly unknown[];
    /** `name` is still an offset into the string table here. */
    readonly sections: readonly {
      readonly name: number;
      readonly link: number;
      readonly info: number;
    }[];
  }

  class Parser {
    parseHeader(buffer: Buffer): Header;
    parseBody(buffer: Buffer, header: Header): Body;
  }

  const elfy: { readonly Parser: typeof Parser };
  export default elfy;
}
