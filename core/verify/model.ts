import { type BuildId, buildIdFromBytes } from '../abi/ids.js';
import type { HookKind, PayloadState } from '../abi/livepatch.js';
import type { AddressSpace } from './memory.js';
import type { Rules } from './rules.js';
import type { Allocation } from './vmap.js';

/** A span of the model's memory. */
export interface Span {
  readonly address: bigint;
  readonly sizeBytes: bigint;
}

/** struct livepatch_build_id: where an id lies in memory, not what it is. */
export interface IdSpan {
  readonly address: bigint;
  readonly length: number;
}

/** struct livepatch_symbol. */
export interface PayloadSymbol {
  readonly name: string;
  readonly value: bigint;
  readonly size: bigint;
  readonly newSymbol: boolean;
}

/** struct livepatch_fstate: one patched function. */
export interface FunctionState {
  readonly applied: boolean;
  readonly patchOffset: number;
  /** The old bytes that revert restores. */
  readonly savedBytes: Uint8Array;
}

/** struct payload: all that Xen keeps of an uploaded payload. Addresses lead into the model's memory. */
export interface ModelPayload {
  readonly name: string;
  readonly state: PayloadState;
  readonly rc: number;
  readonly reverted: boolean;
  readonly safeToReapply: boolean;
  readonly allocation: Allocation;
  readonly text: Span;
  readonly rw: Span;
  readonly ro: Span;
  readonly funcs: { readonly address: bigint; readonly count: number };
  readonly functionStates: readonly FunctionState[];
  readonly symbols: readonly PayloadSymbol[];
  readonly buildId: IdSpan;
  readonly depends: IdSpan;
  /** Null up to 4.13, which do not know the section, and where only the file's buffer held it. */
  readonly xenDepends: IdSpan | null;
  /** Address of each hook section's pointers and how many there are; absent kinds are left out. */
  readonly hooks: Readonly<Partial<Record<HookKind, { address: bigint; count: number }>>>;
  readonly metadata: Span | null;
}

/** The symbols of the hypervisor itself, as symbols_lookup_by_name answers. */
export interface SymbolLookup {
  /** The address, or null where there is no such symbol (or its address is 0). */
  lookup(name: string): bigint | null;
}

/** A hypervisor with its payloads: what the rules of this folder are functions of. */
export interface Model {
  readonly rules: Rules;
  /** Null when the hypervisor was linked without one: then no payload is ever accepted. */
  readonly buildId: BuildId | null;
  readonly symbols: SymbolLookup;
  readonly memory: AddressSpace;
  /** Start of the range in which vmalloc_xen places payloads. */
  readonly vmapStart: bigint;
  /** In the order of upload (payload_list). */
  readonly payloads: readonly ModelPayload[];
  /** Names, base first (applied_list). */
  readonly applied: readonly string[];
}

/** The id at a span; null where it is empty, or not all of it is mapped. */
export function idAt(memory: AddressSpace, { address, length }: IdSpan): BuildId | null {
  const bytes = length === 0 ? null : memory.readOrNull(address, length);
  return bytes === null ? null : buildIdFromBytes(bytes);
}

/** find_payload: null where there is none. */
export function findPayload(model: Model, name: string): ModelPayload | null {
  return model.payloads.find((payload) => payload.name === name) ?? null;
}

/** The payload on top of applied_list, or null. */
export function topPayload(model: Model): ModelPayload | null {
  const top = model.applied.at(-1);
  return top === undefined ? null : findPayload(model, top);
}

/** The model with one payload replaced by a newer version of itself. */
export function withPayload(model: Model, payload: ModelPayload): Model {
  const payloads = model.payloads.map((p) => (p.name === payload.name ? payload : p));
  return { ...model, payloads };
}

/**
 * livepatch_symbols_lookup_by_name: new symbols of **all loaded** payloads, in upload order. Null
 * where there is none (and, as in C, where the first one found has the value 0).
 */
export function lookupInPayloads(model: Model, name: string): bigint | null {
  for (const payload of model.payloads) {
    const symbol = newSymbolsOf(payload).get(name);
    if (symbol !== undefined) return symbol === 0n ? null : symbol;
  }
  return null;
}

/** Whether a payload has a new symbol of that name. */
export function definesNew(payload: ModelPayload, name: string): boolean {
  return newSymbolsOf(payload).has(name);
}

const newSymbols = new WeakMap<readonly PayloadSymbol[], ReadonlyMap<string, bigint>>();

function newSymbolsOf({ symbols }: ModelPayload): ReadonlyMap<string, bigint> {
  const known = newSymbols.get(symbols);
  if (known) return known;
  const map = new Map<string, bigint>();
  for (const { name, value, newSymbol } of symbols) {
    if (newSymbol && !map.has(name)) map.set(name, value);
  }
  newSymbols.set(symbols, map);
  return map;
}
