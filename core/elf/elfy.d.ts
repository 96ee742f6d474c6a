/**
 * The part of elfy 1.0.0 that core/elf uses. elfy ships no types. No exported signature of this
 * program mentions these, so our own declarations stand without this file.
 */
declare module 'elfy' {
  type Header = import('./with-elfy.js').ElfyHeader;

  interface Body {
    readonly sections: readonly import('./with-elfy.js').ElfySection[];
  }

  class Parser {
    parseHeader(buffer: Buffer): Header;
    parseBody(buffer: Buffer, header: Header): Body;
  }

  const elfy: { readonly Parser: typeof Parser };
  export default elfy;
}
