import { LIVEPATCH_FUNC, SECTION } from '../abi/livepatch.js';
import { ByteReader, type ElfFile, type ElfSection, SHF, sectionByName } from '../elf/index.js';
import type { Links } from './links.js';
import type { Expectation, PayloadFunction } from './payload.js';
import { readable } from './readable.js';
import type { Report } from './report.js';

/** The functions of a payload, and the version of their layout. */
export interface FunctionTable {
  /** Null where there is no such section, or nothing to tell the layout by. */
  readonly version: 1 | 2 | null;
  readonly functions: readonly PayloadFunction[];
}

/**
 * Reads `.livepatch.funcs`, an array of struct livepatch_func (public/sysctl.h). Its layout is told
 * by the version byte of the first entry, which has the same place in both, and by the size.
 *
 * Reports `payload-bad-functions` (a size that is no multiple of an entry's, contents that are not there),
 * `section-not-loaded`, `payload-no-function-name` (of an entry that is looked up by its name), and `payload-wrong-version` for an entry of another version.
 */
export function readFunctions(elf: ElfFile, links: Links, report: Report): FunctionTable {
  const section = sectionByName(elf, SECTION.funcs);
  if (section === null) return { version: null, functions: [] };
  if ((section.flags & SHF.ALLOC) === 0n) {
    report({
      code: 'section-not-loaded',
      severity: 'error',
      section: section.name,
      message: `${section.name} is not marked to be loaded (SHF_ALLOC), but Xen reads it from memory: some releases crash`,
      hint: 'Rebuild the payload: the section has to be allocated.',
    });
  }
  const bytes = readable(elf, section, 'payload-bad-functions', report);
  if (bytes === null) return { version: null, functions: [] };
  const version = layoutOf(bytes);
  const entrySize = LIVEPATCH_FUNC.sizeBytes[version ?? 2];
  if (bytes.length === 0 || bytes.length % entrySize !== 0) {
    report({
      code: 'payload-bad-functions',
      severity: 'error',
      section: section.name,
      message: `${section.name} has ${bytes.length} bytes, which is not one or more entries of ${entrySize}`,
      expected: `a multiple of ${entrySize}`,
      actual: String(bytes.length),
    });
  }
  const reader = new ByteReader(bytes, `section ${section.name}`);
  const count = Math.floor(bytes.length / entrySize);
  const functions = Array.from({ length: count }, (_, index) =>
    readFunction(section, reader, links, index * entrySize, version),
  );
  judgeFunctions({ version, functions }, report, (index, field) => ({
    section: section.name,
    offset: BigInt(index * entrySize + field),
  }));
  return { version, functions };
}

function readFunction(
  section: ElfSection,
  reader: ByteReader,
  links: Links,
  at: number,
  version: 1 | 2 | null,
): PayloadFunction {
  const pointer = (field: number) => links.pointerAt(section, reader, at + field);
  const newAddress = pointer(LIVEPATCH_FUNC.new_addr).pointer;
  return {
    name: links.stringAt(pointer(LIVEPATCH_FUNC.name)),
    oldAddress: pointer(LIVEPATCH_FUNC.old_addr).pointer,
    newAddress,
    oldSize: reader.u32(at + LIVEPATCH_FUNC.old_size, 'old_size'),
    newSize: reader.u32(at + LIVEPATCH_FUNC.new_size, 'new_size'),
    version: reader.u8(at + LIVEPATCH_FUNC.version, 'version'),
    expectation: version === 1 ? null : expectationAt(reader, at + LIVEPATCH_FUNC.expect),
    isNop: newAddress.kind === 'null',
  };
}

/** Reports what Xen would refuse in the entries: no way to an address, another version. */
function judgeFunctions(
  { version, functions }: FunctionTable,
  report: Report,
  placeOf: (index: number, field: number) => { readonly section: string; readonly offset: bigint },
): void {
  // Xen reads the name only to look its address up (resolve_old_address).
  const nameless = indexesOf(functions, (f) => f.name === null && f.oldAddress.kind === 'null');
  if (nameless !== null) {
    report({
      code: 'payload-no-function-name',
      severity: 'error',
      ...placeOf(nameless.first, LIVEPATCH_FUNC.name),
      message: `Function ${nameless.text} has neither a name nor an address: its name leads to no string in the payload`,
    });
  }
  const expected = version === null ? '1 (Xen up to 4.13) or 2 (since 4.14)' : String(version);
  const foreign = indexesOf(functions, (f) => f.version !== version);
  if (foreign !== null) {
    const actual = String(functions[foreign.first]?.version);
    report({
      code: 'payload-wrong-version',
      severity: 'error',
      ...placeOf(foreign.first, LIVEPATCH_FUNC.version),
      message: `Function ${foreign.text} has version ${actual}, expected ${expected}`,
      expected,
      actual,
    });
  }
}

/** The first entry with a fault, and how many more have it; null where none has. */
function indexesOf(
  functions: readonly PayloadFunction[],
  isFaulty: (f: PayloadFunction) => boolean,
): { readonly first: number; readonly text: string } | null {
  const first = functions.findIndex(isFaulty);
  if (first < 0) return null;
  const more = functions.filter(isFaulty).length - 1;
  return { first, text: more === 0 ? String(first) : `${first} (and ${more} more)` };
}

/** Null where the first entry has neither version, and the size does not decide. */
function layoutOf(bytes: Uint8Array): 1 | 2 | null {
  const stated = bytes[LIVEPATCH_FUNC.version];
  if (stated === 1 || stated === 2) return stated;
  const fits = ([1, 2] as const).filter((v) => bytes.length % LIVEPATCH_FUNC.sizeBytes[v] === 0);
  const [only, ...others] = fits;
  return others.length > 0 ? null : (only ?? null);
}

function expectationAt(reader: ByteReader, at: number): Expectation {
  const first = reader.u8(at, 'expect');
  return {
    enabled: (first & 1) === 1,
    len: (first >> 1) & 0x1f,
    rsv: first >> 6,
    data: reader.slice(at + 1, 31, 'expect.data'),
  };
}
