import { DT, PT } from './constants.js';
import { ElfError } from './errors.js';
import { MappedFile } from './mapped.js';
import type { ElfProgram } from './program.js';
import { StringTable } from './strings.js';

/** Ours: real ones have some thirty, and one for each library. */
const MAX_ENTRIES = 1 << 14;
const ENTRY_SIZE = 16;

/** What the dynamic linker is told about a file: its dynamic section, and where that leads. */
export interface DynamicSection {
  readonly memory: MappedFile;
  /** Tag (see DT) and value, in order, the NULL entry that ends them left out. */
  readonly entries: readonly (readonly [tag: number, value: bigint])[];
  /** DT_STRTAB. */
  readonly strings: StringTable;
  /** DT_NEEDED: the libraries it asks for, in order. latin1-decoded, as all names here. */
  readonly needed: readonly string[];
  readonly soname: string | null;
  readonly rpath: string | null;
  readonly runpath: string | null;
}

/**
 * The dynamic section, found by its segment: section headers are not looked at. Null where the file has
 * none. Of 64-bit files only; fails with an ElfError where it or its strings are not all there.
 */
export function readDynamic(program: ElfProgram): DynamicSection | null {
  const segment = program.segments.find(({ type }) => type === PT.DYNAMIC);
  if (segment === undefined) return null;
  if (program.class !== 64) {
    throw new ElfError('elf-unsupported', {
      field: 'EI_CLASS',
      offset: 4n,
      expected: '2 (64-bit) to read a dynamic section',
      actual: '1 (32-bit)',
    });
  }
  const memory = new MappedFile(program);
  const entries = readEntries(memory.rest(segment.virtualAddress, 'dynamic section'));
  const value = (tag: number) => entries.findLast(([found]) => found === tag)?.[1];
  const stringsAt = value(DT.STRTAB);
  const stringsSize = value(DT.STRSZ) ?? 0n;
  const strings = new StringTable(
    stringsAt === undefined || stringsSize === 0n
      ? new Uint8Array(0)
      : memory.slice(stringsAt, stringsSize, 'DT_STRTAB'),
    'DT_STRTAB',
  );
  const textOf = (tag: number): string | null => {
    const offset = value(tag);
    return offset === undefined ? null : strings.at(Number(offset), 'dynamic entry', tag);
  };
  return {
    memory,
    entries,
    strings,
    needed: entries
      .filter(([tag]) => tag === DT.NEEDED)
      .map(([tag, offset]) => strings.at(Number(offset), 'dynamic entry', tag)),
    soname: textOf(DT.SONAME),
    rpath: textOf(DT.RPATH),
    runpath: textOf(DT.RUNPATH),
  };
}

/** The value of the last entry of that tag, as the dynamic linker has it; null where there is none. */
export function dynamicValue({ entries }: DynamicSection, tag: number): bigint | null {
  return entries.findLast(([found]) => found === tag)?.[1] ?? null;
}

function readEntries(bytes: Uint8Array): DynamicSection['entries'] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: [number, bigint][] = [];
  for (let at = 0; at + ENTRY_SIZE <= bytes.length && entries.length < MAX_ENTRIES; ) {
    const tag = Number(view.getBigInt64(at, true));
    if (tag === DT.NULL) return entries;
    entries.push([tag, view.getBigUint64(at + 8, true)]);
    at += ENTRY_SIZE;
  }
  throw new ElfError('elf-invalid', {
    field: 'dynamic section',
    offset: null,
    expected: `an entry NULL among its first ${MAX_ENTRIES}`,
    actual: `none in ${entries.length}`,
  });
}
