import {
  DT,
  type DynamicSection,
  dynamicValue,
  type ElfProgram,
  type ElfSymbol,
  pointersOf,
  readDynamic,
  readDynamicSymbols,
} from '../../elf/index.js';
import { type MemoryReader, runStraightLine } from '../../x86/index.js';

export type Role = 'filter' | 'plugin';

/** The structure that a filter gives nbdkit, as far as nbdkit looks at it. */
export interface FilterFacts {
  readonly kind: 'filter';
  readonly api: number;
  /** Null for NULL, and where `api` is not one that has it. latin1-decoded, as `name` is. */
  readonly version: string | null;
  readonly name: string | null;
  /** Constructors run before nbdkit asks: what is empty here may be filled in by one. */
  readonly hasConstructors: boolean;
}

export interface PluginFacts {
  readonly kind: 'plugin';
  readonly api: number;
  readonly sizeBytes: bigint;
  readonly name: string | null;
  /** Offsets of the pointers that are set, within `sizeBytes`. */
  readonly slots: ReadonlySet<number>;
  readonly hasConstructors: boolean;
}

export type EntryFacts =
  | FilterFacts
  | PluginFacts
  | { readonly kind: 'absent' }
  /** It returns NULL. */
  | { readonly kind: 'null' }
  | { readonly kind: 'lost'; readonly why: string };

/** filter_init has it from this interface on, at offset 8, for ever (nbdkit-filter.h). */
const VERSION_SINCE_API = 6;
const API_AT = { filter: 0n, plugin: 8n } as const;
const VERSION_AT = 8n;
const NAME_AT = 16n;
const POINTER = 8;
/** Ours: pointers behind it are not looked at; the structure of nbdkit 1.48 has 384 bytes. */
const MAX_STRUCT = 4096;
const MAX_TEXT = 256;
/** Ours: an entry function without a size is looked at this far. */
const MAX_CODE = 4096;

/**
 * Runs the module's entry function and reads what it leaves: nbdkit's macros fill the first fields in when
 * it is called. Fails with an ElfError where tables are damaged.
 */
export function readEntry(program: ElfProgram, role: Role): EntryFacts {
  const dynamic = readDynamic(program);
  if (dynamic === null) return { kind: 'absent' };
  const symbols = readDynamicSymbols(dynamic);
  const entry = symbols.find((one) => one.name === `${role}_init` && one.sectionIndex !== 0);
  if (entry === undefined) return { kind: 'absent' };
  const code = codeOf(dynamic, entry);
  if (code === null) return { kind: 'lost', why: `${role}_init lies outside of the file` };
  const memory = memoryOf(dynamic, symbols);
  const ran = runStraightLine(code, entry.value, memory);
  if (ran.kind === 'lost') return { kind: 'lost', why: `${role}_init: ${ran.why}` };
  if (ran.result === null) return { kind: 'lost', why: `${role}_init: no result that is known` };
  if (ran.result === 0n) return { kind: 'null' };
  return readStruct(ran.memory, ran.result, role, mayConstruct(dynamic, memory)) ?? outside(role);
}

function outside(role: Role): EntryFacts {
  return { kind: 'lost', why: `the structure of ${role}_init lies outside of the file` };
}

function readStruct(
  memory: MemoryReader,
  at: bigint,
  role: Role,
  hasConstructors: boolean,
): FilterFacts | PluginFacts | null {
  const api = signed(number(memory, at + API_AT[role], 4));
  if (api === null) return null;
  if (role === 'filter') {
    const isVersioned = api >= VERSION_SINCE_API;
    const version = isVersioned ? textAt(memory, at + VERSION_AT) : null;
    const name = isVersioned ? textAt(memory, at + NAME_AT) : null;
    if (version === undefined || name === undefined) return null;
    return { kind: 'filter', api, version, name, hasConstructors };
  }
  const sizeBytes = number(memory, at, POINTER);
  const name = textAt(memory, at + NAME_AT);
  if (sizeBytes === null || name === undefined) return null;
  const slots = new Set<number>();
  const end = Math.min(Number(sizeBytes), MAX_STRUCT);
  for (let offset = Number(NAME_AT); offset + POINTER <= end; offset += POINTER) {
    const pointer = number(memory, at + BigInt(offset), POINTER);
    if (pointer === null) break;
    if (pointer !== 0n) slots.add(offset);
  }
  return { kind: 'plugin', api, sizeBytes, name, slots, hasConstructors };
}

/** Whether one of the functions that run before the entry is more than what the compiler puts into every library. */
function mayConstruct(dynamic: DynamicSection, memory: MemoryReader): boolean {
  const at = dynamicValue(dynamic, DT.INIT_ARRAY) ?? 0n;
  const count = (dynamicValue(dynamic, DT.INIT_ARRAYSZ) ?? 0n) / BigInt(POINTER);
  if (count === 0n) return false;
  const first = number(memory, at, POINTER);
  return count > 1n || first === null || !isFrameDummy(memory, first);
}

const ENDBR64 = [0xf3, 0x0f, 0x1e, 0xfa];
const JUMP = 0xe9;
const LEA_RDI = [0x48, 0x8d, 0x3d];
const LEA_RSI = [0x48, 0x8d, 0x35];

/** frame_dummy of GCC's crtbegin.o: a jump to register_tm_clones, which begins with the addresses of its table in rdi and rsi. */
function isFrameDummy(memory: MemoryReader, at: bigint): boolean {
  const jump = begins(memory, at, ENDBR64) ? at + BigInt(ENDBR64.length) : at;
  const distance = number(memory, jump + 1n, 4);
  if (memory(jump) !== JUMP || distance === null) return false;
  const target = jump + 5n + BigInt.asIntN(32, distance);
  return begins(memory, target, LEA_RDI) && begins(memory, target + 7n, LEA_RSI);
}

function begins(memory: MemoryReader, at: bigint, bytes: readonly number[]): boolean {
  return bytes.every((byte, index) => memory(at + BigInt(index)) === byte);
}

function codeOf(dynamic: DynamicSection, { value, size }: ElfSymbol): Uint8Array | null {
  try {
    const rest = dynamic.memory.rest(value, 'an entry function');
    return rest.subarray(0, size === 0n ? MAX_CODE : Math.min(Number(size), MAX_CODE));
  } catch {
    return null;
  }
}

/** Memory once the file is loaded at address 0: its bytes, with its own pointers in place. */
function memoryOf(dynamic: DynamicSection, symbols: readonly ElfSymbol[]): MemoryReader {
  const pointers = pointersOf(dynamic, symbols);
  return (address) => {
    for (let at = 0n; at < BigInt(POINTER); at++) {
      const to = pointers.get(address - at);
      if (to !== undefined) return Number((to >> (at * 8n)) & 0xffn);
    }
    return dynamic.memory.byteAt(address);
  };
}

function number(memory: MemoryReader, at: bigint, size: number): bigint | null {
  let value = 0n;
  for (let offset = size - 1; offset >= 0; offset--) {
    const byte = memory(at + BigInt(offset));
    if (byte === null) return null;
    value = (value << 8n) | BigInt(byte);
  }
  return value;
}

/** Of 32 bits. */
function signed(value: bigint | null): number | null {
  return value === null ? null : Number(BigInt.asIntN(32, value));
}

/** The text that a pointer leads to; null for NULL, undefined where it leads outside. */
function textAt(memory: MemoryReader, place: bigint): string | null | undefined {
  const at = number(memory, place, POINTER);
  if (at === null) return undefined;
  if (at === 0n) return null;
  let text = '';
  for (let offset = 0; offset < MAX_TEXT; offset++) {
    const byte = memory(at + BigInt(offset));
    if (byte === null) return undefined;
    if (byte === 0) return text;
    text += String.fromCharCode(byte);
  }
  return undefined;
}
