import { countLeading } from '../abi/address.js';
import { ByteReader } from '../elf/index.js';
import { type HypervisorImage, readMemory } from '../image/index.js';

/** Another code for a site, with which Xen replaces it where a CPU feature asks for it. */
export interface Replacement {
  /** cpuid of struct alt_instr: the feature, and since 4.17.6 the flag that inverts it. */
  readonly feature: number;
  /** Where the replacement lies in the image: its branches are relative to this. */
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/** A piece of Xen's text that may read differently on a running hypervisor than in the image. */
export interface BootPatchSite {
  readonly address: bigint;
  readonly sizeBytes: number;
  /**
   * `alternative`: by CPU feature. `alternative-call`: `call *pointer` that becomes a direct call of
   * what the pointer holds at the end of the boot. `endbr`: ENDBR64 that becomes a NOP with CET-IBT.
   */
  readonly kind: 'alternative' | 'alternative-call' | 'endbr';
  /** In the order in which Xen tries them. Empty for the other kinds. */
  readonly replacements: readonly Replacement[];
}

/** struct alt_instr (asm/alternative.h), the same since 4.11. */
const ALT_INSTR_BYTES = 14;
/** struct alt_call (asm/alternative-call.h, 4.21 on): a distance to a `call *disp32(%rip)`. */
const ALT_CALL_BYTES = 4;
const ALT_CALL_SITE_BYTES = 6;
const POINTER_BYTES = 8;
const ENDBR64_BYTES = 4;
const ENDBR64 = 0xfa1e0ff3;
/** Ours: a Xen 4.20 has 4,500 alternatives. More than this is no table. */
const MAX_TABLE_BYTES = 1 << 20;

/** What tables of an image are read of. */
export type CodeImage = Pick<HypervisorImage, 'memory' | 'symbols'>;

/**
 * The sites that the tables of an image name, by ascending address. What each function of Xen does
 * there: _apply_alternatives, and since 4.21 apply_alt_calls and seal_endbr64 (arch/x86/alternative.c;
 * ENDBR64 is changed since 4.17). Up to 4.20 alternative calls are alternatives with a replacement
 * that is a call of itself. Empty where the image has no such tables.
 */
export function readPatchSites(image: CodeImage): readonly BootPatchSite[] {
  const found = new Map<bigint, BootPatchSite>();
  for (const site of [...alternatives(image), ...alternativeCalls(image), ...clobbered(image)]) {
    const known = found.get(site.address);
    found.set(site.address, known === undefined ? site : merge(known, site));
  }
  return [...found.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** Of several entries for one place the longest counts, and all replacements (ALTERNATIVE_2). */
function merge(first: BootPatchSite, second: BootPatchSite): BootPatchSite {
  return {
    address: first.address,
    sizeBytes: Math.max(first.sizeBytes, second.sizeBytes),
    kind: first.kind === 'endbr' ? second.kind : first.kind,
    replacements: [...first.replacements, ...second.replacements],
  };
}

/** A table of an image, and where it lies. */
interface Table {
  readonly address: bigint;
  readonly reader: ByteReader;
}

/** The table between two symbols; null where there is none. */
export function tableBetween(image: CodeImage, start: string, end: string): Table | null {
  const from = image.symbols?.lookup(start) ?? null;
  const to = image.symbols?.lookup(end) ?? null;
  if (from === null || to === null || to <= from || to - from > MAX_TABLE_BYTES) return null;
  const bytes = readMemory(image.memory, from, Number(to - from));
  return bytes === null ? null : { address: from, reader: new ByteReader(bytes, start) };
}

/** Where the entries of a table begin, from its start; none of a table that is not there. */
export function entriesOf(table: Table | null, entryBytes: number): readonly number[] {
  const count = table === null ? 0 : Math.floor(table.reader.sizeBytes / entryBytes);
  return Array.from({ length: count }, (_, index) => index * entryBytes);
}

function alternatives(image: CodeImage): readonly BootPatchSite[] {
  const table = tableBetween(image, '__alt_instructions', '__alt_instructions_end');
  if (table === null) return [];
  const { reader, address } = table;
  return entriesOf(table, ALT_INSTR_BYTES).map((at): BootPatchSite => {
    const here = address + BigInt(at);
    const original = here + BigInt(reader.i32(at, 'orig_offset'));
    const replacement = here + 4n + BigInt(reader.i32(at + 4, 'repl_offset'));
    const bytes =
      readMemory(image.memory, replacement, reader.u8(at + 11, 'repl_len')) ?? new Uint8Array();
    const site = {
      address: original,
      sizeBytes: reader.u8(at + 10, 'orig_len') + reader.u8(at + 12, 'pad_len'),
    };
    return callsItself(bytes)
      ? { ...site, kind: 'alternative-call', replacements: [] }
      : {
          ...site,
          kind: 'alternative',
          replacements: [{ feature: reader.u16(at + 8, 'cpuid'), address: replacement, bytes }],
        };
  });
}

/** `call .` or `jmp .`: no code, but the mark of an alternative call (4.12 to 4.20). */
function callsItself(bytes: Uint8Array): boolean {
  const [opcode = 0, ...distance] = bytes;
  return (
    bytes.length === 5 &&
    (opcode & 0xfe) === 0xe8 &&
    distance.every((byte, index) => byte === (index === 0 ? 0xfb : 0xff))
  );
}

function alternativeCalls(image: CodeImage): readonly BootPatchSite[] {
  const table = tableBetween(image, '__alt_call_sites_start', '__alt_call_sites_end');
  if (table === null) return [];
  return entriesOf(table, ALT_CALL_BYTES).map((at) => ({
    address: table.address + BigInt(at) + BigInt(table.reader.i32(at, 'offset')),
    sizeBytes: ALT_CALL_SITE_BYTES,
    kind: 'alternative-call',
    replacements: [],
  }));
}

/** The pointers between these symbols: each that leads to an ENDBR64 in text. */
function clobbered(image: CodeImage): readonly BootPatchSite[] {
  const table = tableBetween(image, '__initdata_cf_clobber_start', '__initdata_cf_clobber_end');
  if (table === null) return [];
  return entriesOf(table, POINTER_BYTES).flatMap((at): readonly BootPatchSite[] => {
    const address = table.reader.u64(at, 'pointer');
    const first = readMemory(image.memory, address, ENDBR64_BYTES);
    if (first === null || new ByteReader(first, 'code').u32(0, 'code') !== ENDBR64) return [];
    return [{ address, sizeBytes: ENDBR64_BYTES, kind: 'endbr', replacements: [] }];
  });
}

/** Those of the sites, given by ascending address, that share a byte with a range. */
export function sitesWithin(
  sites: readonly BootPatchSite[],
  from: bigint,
  to: bigint,
): readonly BootPatchSite[] {
  const first = countLeading(
    sites,
    ({ address, sizeBytes }) => address + BigInt(sizeBytes) <= from,
  );
  const found: BootPatchSite[] = [];
  for (let at = first; at < sites.length; at++) {
    const site = sites[at];
    if (site === undefined || site.address >= to) break;
    found.push(site);
  }
  return found;
}
