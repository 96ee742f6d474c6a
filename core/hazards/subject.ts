import { countLeading } from '../abi/address.js';
import { ARCH_PATCH_INSN_SIZE, ENDBR64_LEN } from '../abi/livepatch.js';
import { nameText } from '../abi/payload-name.js';
import { type Finding, finding, type HazardCode } from '../findings/index.js';
import type { SymbolTable, XenSymbol } from '../image/index.js';
import {
  functionName,
  functionsInMemory,
  type Model,
  type ModelPayload,
  type PatchedFunction,
  payloadWithCode,
  startsWithEndbr,
} from '../verify/index.js';
import { symbolAt } from './symbol-spans.js';

/** What is known besides the model. */
export interface HazardContext {
  /** The payload's file, as the caller named it. */
  readonly file?: string;
  /** The hypervisor's symbols with what is known of types and sizes; null without an image. */
  readonly symbols: SymbolTable | null;
  /** Names of the payload's undefined symbols; null where its file is not at hand. */
  readonly imports: readonly string[] | null;
  /** What is going to be done with it. REPLACE has dangers of its own. */
  readonly intent: 'apply' | 'replace';
  /** True where a guard compares the code that is replaced: it knows of the patches of others. */
  readonly isCodeCompared?: boolean;
}

/** The bytes that APPLY overwrites for one function. */
export interface PatchSite {
  readonly func: PatchedFunction;
  /** What people read: the entry's name, or which entry it is. */
  readonly name: string;
  /** The entry's name as Xen looks it up; null where its pointer leads to nothing that is mapped. */
  readonly symbol: string | null;
  /** First byte that is overwritten: behind an ENDBR64, if there is one. */
  readonly start: bigint;
  /** One past the last. */
  readonly end: bigint;
}

/** The payload under the magnifying glass, uploaded but not necessarily applied. */
export interface Subject {
  readonly model: Model;
  readonly payload: ModelPayload;
  readonly sites: readonly PatchSite[];
  readonly context: HazardContext;
}

/** Where a payload patches. A function that is not mapped has its site at the old address. */
export function sitesOf(model: Model, payload: ModelPayload): readonly PatchSite[] {
  const { memory, rules } = model;
  return functionsInMemory(memory, rules, payload).map((func, i) => {
    const symbol = functionName(memory, func);
    const isApplied = payload.functionStates[i]?.applied === true;
    const offset = isApplied
      ? (payload.functionStates[i]?.patchOffset ?? 0)
      : memory.isMapped(func.oldAddress) && startsWithEndbr(memory, rules, func.oldAddress)
        ? ENDBR64_LEN
        : 0;
    const length = func.newAddress === 0n ? func.newSize - offset : ARCH_PATCH_INSN_SIZE;
    const start = func.oldAddress + BigInt(offset);
    return {
      func,
      name: symbol ?? `the function of entry ${i}`,
      symbol,
      start,
      end: start + BigInt(Math.max(0, length)),
    };
  });
}

/** Code between two addresses that belongs to one symbol. */
export interface Extent {
  readonly name: string;
  readonly start: bigint;
  readonly end: bigint;
  /** False where only the next symbol's address is known: `end` may then take in padding. */
  readonly isExact: boolean;
  /** False for data. */
  readonly isCode: boolean;
}

/** Symbol types of nm that are code. */
const CODE_TYPES = 'TtWw';

/** The function that an address belongs to, in Xen or in a loaded payload; null where none is known. */
export function originalExtentAt({ model, context }: Subject, address: bigint): Extent | null {
  const payload = payloadWithCode(model, address);
  if (payload !== null) {
    const own = symbolAt(payload, address);
    return own
      ? { name: own.name, start: own.value, end: own.value + own.size, isExact: true, isCode: true }
      : null;
  }
  const owner = context.symbols?.ownerOf(address);
  if (!context.symbols || !owner) return null;
  const { symbol } = owner;
  const isCode = symbol.type === '' || CODE_TYPES.includes(symbol.type);
  if (symbol.size > 0n) {
    const end = symbol.address + symbol.size;
    if (address >= end) return null;
    return { name: symbol.name, start: symbol.address, end, isExact: true, isCode };
  }
  const next = nextAddress(context.symbols, symbol);
  return next === null
    ? null
    : { name: symbol.name, start: symbol.address, end: next, isExact: false, isCode };
}

function nextAddress({ entries }: SymbolTable, { address }: XenSymbol): bigint | null {
  return entries[countLeading(entries, (entry) => entry.address <= address)]?.address ?? null;
}

/** A finding of this folder: about one function or the whole payload. */
export function hazard(
  { context, payload }: Subject,
  code: HazardCode,
  message: string,
  detail: Partial<Omit<Finding, 'code' | 'message'>> = {},
): Finding {
  return finding(code, {
    payload: nameText(payload.name),
    message: `${JSON.stringify(payload.name)} ${message}`,
    ...(context.file === undefined ? {} : { file: context.file }),
    ...detail,
  });
}
