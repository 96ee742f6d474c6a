import {
  type AddressRange,
  type DynamicSection,
  type ElfProgram,
  pointersOf,
  readDynamic,
  readDynamicSymbols,
  readRelr,
} from '../../elf/index.js';
import { textOf, wholeTexts } from '../texts.js';

/** A program of QEMU that loads modules. Texts are of the file: escape before printing. */
export interface QemuHost {
  readonly kind: 'qemu';
  /** `qemu_stamp_…`, the symbol that it looks for in each module: one for each build's source and settings. */
  readonly stamp: string;
  /** E.g. `7.2.22`; null where the file does not say. */
  readonly version: string | null;
  /** What the packager added, e.g. `Debian 1:7.2+dfsg-7+deb12u18`. */
  readonly packageVersion: string | null;
  /** What its modules are for; null before QEMU 6.1, and in its tools. */
  readonly modules: readonly ModuleInfo[] | null;
  /** The machine that a system emulator emulates, e.g. `x86_64`; null for a tool. */
  readonly target: string | null;
  /** It has module_load: QEMU 7.2 and later. */
  readonly hasModuleLoad: boolean;
  /** Folders that it may be configured to load modules from; which one, only the tree tells. */
  readonly folders: readonly string[];
}

/** One line of QEMU's own list of its modules. */
export interface ModuleInfo {
  readonly name: string;
  /** Only for this target; null for all. */
  readonly arch: string | null;
  /** Modules to be loaded before it. */
  readonly deps: readonly string[];
}

const STAMP = /^qemu_stamp_[0-9a-f]{40}$/;
/** struct QemuModinfo (include/qemu/module.h): name, arch, objs, deps, opts. */
const INFO_SIZE = 40n;
const ARCH_AT = 8n;
const DEPS_AT = 24n;
/** Ours: Debian has some seventy. */
const MAX_INFOS = 4096;
const MAX_DEPS = 64;

/**
 * The facts of a QEMU program; null where the file is none that loads modules. `name` is that of the file:
 * nothing else tells the target. Fails with an ElfError where tables are damaged.
 */
export function readQemuHost(program: ElfProgram, name: string): QemuHost | null {
  const [stamp] = wholeTexts(program.bytes, 'qemu_stamp_', STAMP);
  if (stamp === undefined) return null;
  const dynamic = readDynamic(program);
  if (dynamic === null) return null;
  const symbols = readDynamicSymbols(dynamic);
  const defined = new Map(symbols.filter((s) => s.sectionIndex !== 0).map((s) => [s.name, s]));
  // A module has the stamp too.
  if (defined.has('qemu_module_dummy') || defined.has(stamp)) return null;
  const table = defined.get('qemu_modinfo');
  const infos = table === undefined ? null : readInfos(dynamic, symbols, table.value, table.size);
  const { version, packageVersion } = versionIn(program.bytes);
  return {
    kind: 'qemu',
    stamp,
    version,
    packageVersion,
    modules: infos,
    target: /^qemu-system-([A-Za-z0-9_]+)/.exec(name)?.[1] ?? null,
    hasModuleLoad: defined.has('module_load'),
    folders: wholeTexts(program.bytes, '/lib', /^\/[^\0]*\/qemu(?:-kvm)?$/),
  };
}

function versionIn(bytes: Uint8Array): Pick<QemuHost, 'version' | 'packageVersion'> {
  for (const before of ['emulator version ', ' version ', '%s ']) {
    const found = textOf(bytes, before, /^(\d+\.\d+\.\d+)(?: \(([^()\0]{1,100})\))?(?=[\n\0])/);
    if (found !== null) return { version: found[1] ?? null, packageVersion: found[2] ?? null };
  }
  return { version: null, packageVersion: null };
}

/** The table that scripts/modinfo-generate.py makes; it ends with an empty name, or with the symbol. */
function readInfos(
  dynamic: DynamicSection,
  symbols: ReturnType<typeof readDynamicSymbols>,
  at: bigint,
  size: bigint,
): readonly ModuleInfo[] {
  const inTable = pointerReader(dynamic, symbols, { from: at, to: at + size });
  const rows: bigint[] = [];
  for (
    let here = at;
    here + INFO_SIZE <= at + size && rows.length < MAX_INFOS && inTable(here) !== 0n;
    here += INFO_SIZE
  ) {
    rows.push(here);
  }
  const lists = rows.map((row) => inTable(row + DEPS_AT)).filter((list) => list !== 0n);
  const inLists = pointerReader(dynamic, symbols, rangeOf(lists));
  const text = (to: bigint): string | null =>
    to === 0n ? null : dynamic.memory.text(to, 'a name of qemu_modinfo');
  const namesAt = (list: bigint): readonly string[] => {
    const names: string[] = [];
    for (let here = list; here !== 0n && names.length < MAX_DEPS; here += 8n) {
      const name = text(inLists(here));
      if (name === null) break;
      names.push(name);
    }
    return names;
  };
  return rows.map((row) => ({
    name: text(inTable(row)) ?? '',
    arch: text(inTable(row + ARCH_AT)),
    deps: namesAt(inTable(row + DEPS_AT)),
  }));
}

/** From the first list to the end of the longest that the last could be. */
function rangeOf(lists: readonly bigint[]): AddressRange {
  const [first = 0n, ...others] = lists;
  const lowest = others.reduce((low, one) => (one < low ? one : low), first);
  const highest = others.reduce((high, one) => (one > high ? one : high), first);
  return { from: lowest, to: highest + BigInt(MAX_DEPS * 8) };
}

/** Where the pointer at a place leads once the file is loaded; 0 where there is none. Of places in that range only. */
function pointerReader(
  dynamic: DynamicSection,
  symbols: ReturnType<typeof readDynamicSymbols>,
  within: AddressRange,
): (place: bigint) => bigint {
  const pointers = pointersOf(dynamic, symbols, within);
  const packed = new Set(readRelr(dynamic, within));
  return (place) => {
    const moved = pointers.get(place);
    if (moved !== undefined) return moved;
    if (!packed.has(place)) return 0n;
    const bytes = dynamic.memory.slice(place, 8, 'a pointer of qemu_modinfo');
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  };
}
