import { type BootPatchSite, type CodeImage, entriesOf, tableBetween } from './sites.js';

/** A place where code begins that has no symbol. */
export interface OutOfLineStart {
  readonly address: bigint;
  /** Whose code it is: an address in the function that may go there. Null for what is never run in its place. */
  readonly of: bigint | null;
}

/** struct exception_table_entry (asm/uaccess.h): two distances, to what may fault and to where Xen goes on then. */
const EX_ENTRY_BYTES = 8;
const EX_TABLES = [
  ['__start___ex_table', '__stop___ex_table'],
  ['__start___pre_ex_table', '__stop___pre_ex_table'],
] as const;

/**
 * Where code without a symbol may begin, by ascending address: where an exception table leads to, which is a
 * label of the same function or a piece of .fixup; and where replacements for alternatives begin. Xen's linker
 * script puts both behind the last function of a section (xen.lds.S, all releases).
 */
export function outOfLineStarts(
  image: CodeImage,
  sites: readonly BootPatchSite[],
): readonly OutOfLineStart[] {
  const fixups = EX_TABLES.flatMap(([start, end]): readonly OutOfLineStart[] => {
    const table = tableBetween(image, start, end);
    if (table === null) return [];
    const { reader, address } = table;
    return entriesOf(table, EX_ENTRY_BYTES).map((at) => {
      const here = address + BigInt(at);
      return {
        address: here + 4n + BigInt(reader.i32(at + 4, 'cont')),
        of: here + BigInt(reader.i32(at, 'addr')),
      };
    });
  });
  const replacements = sites.flatMap((site) =>
    site.replacements.map(({ address }): OutOfLineStart => ({ address, of: null })),
  );
  return [...fixups, ...replacements].sort((a, b) =>
    a.address === b.address ? 0 : a.address < b.address ? -1 : 1,
  );
}
