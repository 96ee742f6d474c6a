import { errnoName } from '../../core/abi/errno.js';
import { buildIdFromBytes } from '../../core/abi/ids.js';
import { parseRelease } from '../../core/abi/release.js';
import { createModel } from '../../core/verify/create.js';
import type { Region } from '../../core/verify/memory.js';
import type { Model } from '../../core/verify/model.js';
import { rulesFor } from '../../core/verify/rules.js';
import type { Answer } from '../../core/verify/upload.js';
import { withFields } from './bytes.js';
import { buildIdNote, hexBytes } from './elf-builder.js';
import { buildPayload, type FunctionSpec, idBytes, type PayloadSpec } from './payload-builder.js';

/** Where the tiny hypervisor's code begins. */
export const TEXT = 0xffff82d0_40200000n;
/** Mapped, and further than 2 GiB from the code. */
export const FAR = 0xffff8200_00000000n;
/** Nothing is mapped there. */
export const NOWHERE = 0xffff82d0_7fff0000n;
/** Its build-id: what `buildPayload` puts into .livepatch.xen_depends. */
export const XEN_ID = idBytes(0x33);

const TEXT_BYTES = 0x2000;

/** A function of the tiny hypervisor. */
export interface TinyFunction {
  readonly name: string;
  readonly offset: number;
  readonly code: Uint8Array;
}

/** push; mov; xor; pop; ret and padding: 32 bytes with instruction ends at 1, 4, 6, 7 and 8. */
const PLAIN = hexBytes('55 48 89 e5 31 c0 5d c3 66 90 0f 1f 44 00 00 90'.concat(' 90'.repeat(16)));

export const FUNCTIONS: readonly TinyFunction[] = [
  { name: 'plain_fn', offset: 0x100, code: PLAIN },
  { name: 'other_fn', offset: 0x140, code: PLAIN },
  { name: 'endbr_fn', offset: 0x180, code: Uint8Array.of(0xf3, 0x0f, 0x1e, 0xfa, ...PLAIN) },
  { name: 'poisoned_fn', offset: 0x1c0, code: Uint8Array.of(0x66, 0x0f, 0x1f, 0x01, ...PLAIN) },
];

/** The address of one of its functions. */
export function addressOf(name: string, functions = FUNCTIONS): bigint {
  const found = functions.find((func) => func.name === name);
  if (!found) throw new Error(`the tiny hypervisor has no ${name}`);
  return TEXT + BigInt(found.offset);
}

export interface TinyOptions {
  readonly functions?: readonly TinyFunction[];
  readonly symbols?: ReadonlyMap<string, bigint>;
  readonly buildId?: Uint8Array | null;
}

/** A hypervisor of a few functions, by Xen's rules of a release such as `4.17.7`. */
export function tinyModel(release: string, options: TinyOptions = {}): Model {
  const parsed = parseRelease(release);
  if (!parsed) throw new Error(`${release} is no release`);
  const functions = options.functions ?? FUNCTIONS;
  const text = new Uint8Array(TEXT_BYTES).fill(0xcc);
  for (const { offset, code } of functions) text.set(code, offset);
  const page = (base: bigint, label: string, writable: boolean): Region => ({
    base,
    bytes: new Uint8Array(4096),
    writable,
    label,
  });
  const symbols = new Map<string, bigint>([
    ...functions.map(({ name, offset }): [string, bigint] => [name, TEXT + BigInt(offset)]),
    ['some_data', TEXT + 0x400000n],
    ['__2M_rwdata_end', TEXT + 0x401000n],
    ...(options.symbols ?? []),
  ]);
  const buildId = options.buildId === undefined ? XEN_ID : options.buildId;
  return createModel({
    rules: rulesFor(parsed),
    buildId: buildId === null ? null : buildIdFromBytes(buildId),
    symbols: { lookup: (name) => symbols.get(name) ?? null },
    regions: [
      { base: TEXT, bytes: text, writable: false, label: '.text' },
      page(TEXT + 0x400000n, '.data', true),
      page(FAR, 'far away', true),
    ],
  });
}

/** The default function entry, for `plain_fn`. */
export function plainFunction(override: Partial<FunctionSpec> = {}): FunctionSpec {
  return { name: 'plain_fn', newAddress: 'new_code', ...override };
}

/** A payload that the tiny hypervisor accepts: built on it, replacing `plain_fn`. */
export function tinyPayload(spec: PayloadSpec = {}): Uint8Array {
  return buildPayload({ depends: note(XEN_ID), functions: [plainFunction()], ...spec });
}

/** `count` payloads, each on the one before: names p1…, ids 1…, new symbols of their own. */
export function tinyChain(count: number, spec: (index: number) => PayloadSpec = () => ({})) {
  return Array.from({ length: count }, (_, i) => ({
    name: `p${i + 1}`,
    bytes: tinyPayload({
      buildId: note(idBytes(i + 1)),
      depends: note(i === 0 ? XEN_ID : idBytes(i)),
      functions: [plainFunction({ newAddress: `new_code_${i + 1}` })],
      ...spec(i),
    }),
  }));
}

export const note = buildIdNote;

/** Widths of the fields of an ELF header and of a section header, by their offsets. */
const EHDR = {
  class: [4, 1],
  identVersion: [6, 1],
  osAbi: [7, 1],
  abiVersion: [8, 1],
  type: [16, 2],
  machine: [18, 2],
  version: [20, 4],
  sectionOffset: [40, 8],
  segmentCount: [56, 2],
  sectionEntrySize: [58, 2],
  sectionCount: [60, 2],
  nameSection: [62, 2],
} as const;
const SHDR = {
  name: [0, 4],
  type: [4, 4],
  flags: [8, 8],
  address: [16, 8],
  offset: [24, 8],
  size: [32, 8],
  link: [40, 4],
  info: [44, 4],
  alignment: [48, 8],
  entrySize: [56, 8],
} as const;

/** The file with one field of its ELF header changed. */
export function withHeader(bytes: Uint8Array, field: keyof typeof EHDR, value: bigint): Uint8Array {
  const [at, size] = EHDR[field];
  return withFields(bytes, [{ at, size, value }]);
}

/** The file with fields of one section header changed. */
export function withSection(
  bytes: Uint8Array,
  name: string,
  changes: Partial<Record<keyof typeof SHDR, bigint>>,
): Uint8Array {
  const { headerAt } = sectionOf(bytes, name);
  const fields = Object.entries(SHDR).flatMap(([field, [offset, size]]) => {
    const value = changes[field as keyof typeof SHDR];
    return value === undefined ? [] : [{ at: headerAt + offset, size, value }];
  });
  return withFields(bytes, fields);
}

/** The file with bytes of one section's contents changed. */
export function withContents(
  bytes: Uint8Array,
  name: string,
  at: number,
  size: 1 | 2 | 4 | 8,
  value: bigint,
): Uint8Array {
  return withFields(bytes, [{ at: sectionOf(bytes, name).offset + at, size, value }]);
}

/** Where a section is: its index, its header and its contents in the file. */
export function sectionOf(bytes: Uint8Array, name: string) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  const header = (index: number) => table + index * 64;
  const offsetOf = (index: number) => Number(view.getBigUint64(header(index) + 24, true));
  const names = offsetOf(view.getUint16(62, true));
  for (let index = 1; index < count; index++) {
    const at = names + view.getUint32(header(index), true);
    const text = Buffer.from(bytes.subarray(at, bytes.indexOf(0, at))).toString('latin1');
    if (text === name) return { index, headerAt: header(index), offset: offsetOf(index) };
  }
  throw new Error(`no section ${name}`);
}

/**
 * A verdict in one line: `accepted`, `refused STAGE ERRNO[: the last error line]`, or
 * `fatal STAGE: cause`.
 */
export function verdictLine({ verdict: { outcome, log } }: Answer): string {
  switch (outcome.outcome) {
    case 'accepted':
      return 'accepted';
    case 'fatal':
      return `fatal ${outcome.stage}: ${outcome.cause}`;
    case 'refused': {
      const line = log.filter(({ level }) => level === 'error').at(-1);
      const why = line ? `: ${line.text}` : '';
      return `refused ${outcome.stage} ${errnoName(outcome.errno)}${why}`;
    }
  }
}
