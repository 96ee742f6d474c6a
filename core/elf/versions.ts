import { ByteReader } from './bytes.js';
import { DT } from './constants.js';
import { type DynamicSection, dynamicValue } from './dynamic.js';

/** Ours: libstdc++ has some ninety, glibc some forty. */
const MAX_VERSIONS = 1 << 14;

/** VERSYM: 0 is no version and local, 1 none and global; the highest bit hides all but exact matches. */
export const VERSION_HIDDEN = 0x8000;
const INDEX_MASK = 0x7fff;
const FLAG_BASE = 1;
const FLAG_WEAK = 2;

/** A version that a file defines. */
export interface DefinedVersion {
  readonly index: number;
  readonly name: string;
  /** The name of the file itself: no symbol has it. */
  readonly isBase: boolean;
}

/** Versions that a file needs of one library. */
export interface NeededVersions {
  /** The library, as DT_NEEDED has it. */
  readonly file: string;
  readonly versions: readonly {
    readonly index: number;
    readonly name: string;
    /** It may be missing. */
    readonly isWeak: boolean;
  }[];
}

export interface SymbolVersions {
  /** DT_VERDEF; null where the file defines no versions, which is not the same as an empty list. */
  readonly defined: readonly DefinedVersion[] | null;
  /** DT_VERNEED. */
  readonly needed: readonly NeededVersions[];
  /** DT_VERSYM: of each symbol by its index, with the bit that hides; null where there is no table. */
  readonly ofSymbols: Uint16Array | null;
}

/** Reads the versions of a file with `symbolCount` dynamic symbols. */
export function readSymbolVersions(dynamic: DynamicSection, symbolCount: number): SymbolVersions {
  return {
    defined: readDefined(dynamic),
    needed: readNeeded(dynamic),
    ofSymbols: readVersionTable(dynamic, symbolCount),
  };
}

/** The index without the bit that hides. */
export function versionIndex(entry: number): number {
  return entry & INDEX_MASK;
}

function readVersionTable(dynamic: DynamicSection, symbolCount: number): Uint16Array | null {
  const at = dynamicValue(dynamic, DT.VERSYM);
  if (at === null) return null;
  const bytes = dynamic.memory.slice(at, symbolCount * 2, 'DT_VERSYM');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({ length: symbolCount }, (_, index) => view.getUint16(index * 2, true));
}

function readDefined(dynamic: DynamicSection): readonly DefinedVersion[] | null {
  const at = dynamicValue(dynamic, DT.VERDEF);
  if (at === null) return null;
  const table = new ByteReader(dynamic.memory.rest(at, 'DT_VERDEF'), 'DT_VERDEF');
  return entries(table, dynamicValue(dynamic, DT.VERDEFNUM), 16, (offset) => {
    const first = offset + table.u32(offset + 12, 'vd_aux');
    const index = table.u16(offset + 4, 'vd_ndx') & INDEX_MASK;
    return {
      index,
      name: dynamic.strings.at(table.u32(first, 'vda_name'), 'version', index),
      isBase: (table.u16(offset + 2, 'vd_flags') & FLAG_BASE) !== 0,
    };
  });
}

function readNeeded(dynamic: DynamicSection): readonly NeededVersions[] {
  const at = dynamicValue(dynamic, DT.VERNEED);
  if (at === null) return [];
  const table = new ByteReader(dynamic.memory.rest(at, 'DT_VERNEED'), 'DT_VERNEED');
  return entries(table, dynamicValue(dynamic, DT.VERNEEDNUM), 12, (offset) => {
    const count = Math.min(table.u16(offset + 2, 'vn_cnt'), MAX_VERSIONS);
    const versions: NeededVersions['versions'][number][] = [];
    let here = offset + table.u32(offset + 8, 'vn_aux');
    for (let turn = 0; turn < count; turn++) {
      const index = table.u16(here + 6, 'vna_other') & INDEX_MASK;
      versions.push({
        index,
        name: dynamic.strings.at(table.u32(here + 8, 'vna_name'), 'version', index),
        isWeak: (table.u16(here + 4, 'vna_flags') & FLAG_WEAK) !== 0,
      });
      const next = table.u32(here + 12, 'vna_next');
      if (next === 0) break;
      here += next;
    }
    const file = dynamic.strings.at(table.u32(offset + 4, 'vn_file'), 'version', 0);
    return { file, versions };
  });
}

/** Entries that are chained by the distance to the next, which stands at `nextAt`. */
function entries<T>(
  table: ByteReader,
  count: bigint | null,
  nextAt: number,
  read: (offset: number) => T,
): readonly T[] {
  const found: T[] = [];
  let offset = 0;
  for (let turn = 0n; turn < (count ?? 0n) && found.length < MAX_VERSIONS; turn++) {
    found.push(read(offset));
    const next = table.u32(offset + nextAt, 'the distance to the next version');
    if (next === 0) break;
    offset += next;
  }
  return found;
}
