import { SECTION } from '../../core/abi/livepatch.js';
import { type ElfFile, readElf } from '../../core/elf/index.js';
import { createPrng, type Prng } from '../support/prng.js';
import type { Base, Variant } from './variants.js';

/** Bytes of an entry of each table that Xen acts on while it loads a payload. */
const ENTRY_BYTES: Readonly<Record<string, number>> = {
  [SECTION.altInstructions]: 14,
  [SECTION.exTable]: 8,
  '.bug_frames.0': 8,
  '.bug_frames.1': 8,
  '.bug_frames.2': 8,
  '.bug_frames.3': 8,
};
const RELA_BYTES = 24;

/** Values of a struct alt_instr's fields that decide whether Xen writes, and how much. */
const FEATURES = [0, 93, 93, 127, 415, 416, 587, 671, 703, 0x8000, 0x8000 | 93, 0xffff];
const LENGTHS = [0, 1, 2, 5, 6, 127, 128, 254, 255];
/** 0 and 1: nothing to be optimised; 2 and more: NOPs that may be. */
const PADDINGS = [0, 0, 1, 1, 2, 3, 9, 249, 255];
const PRIVS = [0, 0, 1, 1, 2, 255];

type AlternativeField = readonly [name: string, offset: number, values: readonly number[]];

const ALTERNATIVE_FIELDS: readonly [AlternativeField, ...AlternativeField[]] = [
  ['feature', 8, FEATURES],
  ['orig_len', 10, LENGTHS],
  ['repl_len', 11, LENGTHS],
  ['pad_len', 12, PADDINGS],
  ['priv', 13, PRIVS],
];

/** A good payload with tables. */
export type TableBase = Pick<Base, 'name' | 'bytes'>;

/** The tables of a payload that variants can be made of; a payload without any gives none. */
export function tablesOf(elf: ElfFile): readonly string[] {
  return Object.keys(ENTRY_BYTES).filter((name) =>
    elf.sections.some((section) => section.name === name && section.size > 0n),
  );
}

/**
 * Variant number `index` of a seed: one to three changes in alternatives, exception table and bug frames, or in
 * what relocates them. The same seed and index always give the same one.
 */
export function tableVariantOf(
  bases: readonly [TableBase, ...TableBase[]],
  seed: number,
  index: number,
): Variant {
  const prng = createPrng((Math.imul(seed, 0x9e3779b1) ^ index) >>> 0);
  const base = bases.length === 1 ? bases[0] : prng.pick(bases);
  const elf = readElf(base.bytes);
  const [first, ...rest] = tablesOf(elf);
  if (first === undefined) throw new Error(`payload ${base.name} has no table`);
  const bytes = new Uint8Array(base.bytes);
  const changes = Array.from({ length: 1 + prng.below(3) }, () =>
    changeTable(bytes, elf, prng.pick([first, ...rest]), prng),
  );
  return { index, base: base.name, changes, bytes, onTopOfBase: false };
}

function changeTable(bytes: Uint8Array, elf: ElfFile, name: string, prng: Prng): string {
  const view = new DataView(bytes.buffer);
  const table = elf.sections.find((section) => section.name === name);
  const rela = elf.sections.find((section) => section.name === `.rela${name}`);
  if (table === undefined) throw new Error(`no section ${name}`);
  const entryBytes = ENTRY_BYTES[name] ?? 8;
  const entry = prng.below(Math.max(1, Math.floor(Number(table.size) / entryBytes)));
  const at = Number(table.offset) + entry * entryBytes;
  const pick = (values: readonly number[]) => values[prng.below(values.length)] ?? 0;
  const kind = prng.below(rela === undefined || rela.size === 0n ? 2 : 4);
  if (kind >= 2 && rela !== undefined) {
    const which = prng.below(Number(rela.size) / RELA_BYTES);
    const place = Number(rela.offset) + which * RELA_BYTES;
    return changeRelocation(view, `.rela${name}[${which}]`, place, prng);
  }
  if (name === SECTION.altInstructions && kind === 0) {
    const [field, offset, values] = prng.pick(ALTERNATIVE_FIELDS);
    const value = pick(values);
    if (offset === 8) view.setUint16(at + offset, value, true);
    else view.setUint8(at + offset, value);
    return `${name}[${entry}].${field} = ${value}`;
  }
  const header = Number(elf.header.sectionHeaderOffset) + table.index * 64;
  const size = Number(table.size);
  const changed = pick([0, 1, entryBytes - 1, size - 1, size + 1, size + entryBytes, size * 2]);
  view.setBigUint64(header + 32, BigInt(Math.max(0, changed)), true);
  return `${name}: sh_size ${size} -> ${changed}`;
}

/** What makes a place lie elsewhere: its symbol, its addend, its offset or its type. */
function changeRelocation(view: DataView, label: string, at: number, prng: Prng): string {
  switch (prng.below(4)) {
    case 0: {
      const offset = prng.below(64);
      view.setBigUint64(at, BigInt(offset), true);
      return `${label}.r_offset = ${offset}`;
    }
    case 1: {
      const symbol = prng.below(24);
      view.setUint32(at + 12, symbol, true);
      return `${label}.r_sym = ${symbol}`;
    }
    case 2: {
      const addends = [0n, 1n, -1n, 16n, 4096n, -4096n, 1n << 30n, -(1n << 30n), (1n << 31n) - 1n];
      const addend = addends[prng.below(addends.length)] ?? 0n;
      view.setBigInt64(at + 16, addend, true);
      return `${label}.r_addend = ${addend}`;
    }
    default: {
      const type = prng.below(5);
      view.setUint32(at + 8, type, true);
      return `${label}.r_type = ${type}`;
    }
  }
}
