import { type BuildId, buildIdFromBytes } from '../abi/ids.js';
import type { HookKind, PayloadState } from '../abi/livepatch.js';
import { gatheredOf, putFirst } from './gathered.js';
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
  /** True where the hypervisor's symbols are not known: each has an address, and whether it exists is not told. */
  readonly isAssumed?: boolean;
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
function lookupInPayloads(model: Model, name: string): bigint | null {
  const symbol = newSymbolsOf(model, model.payloads).get(name);
  return symbol === undefined || symbol === 0n ? null : symbol;
}

/**
 * Where a name that a payload needs leads: symbols_lookup_by_name, then the new symbols of payloads. Of a
 * hypervisor whose symbols are not known, what a payload has is that payload's, and all else is taken to be there.
 */
export function addressOf(
  model: Model,
  name: string,
): { readonly address: bigint; readonly isAssumed: boolean } | null {
  const { symbols } = model;
  const isAssumed = symbols.isAssumed === true;
  const known = isAssumed ? null : symbols.lookup(name);
  const address = known ?? lookupInPayloads(model, name);
  if (address !== null) return { address, isAssumed: false };
  const assumed = isAssumed ? symbols.lookup(name) : null;
  return assumed === null ? null : { address: assumed, isAssumed };
}

/** Whether a new symbol may not have that name. What is not known stands in nobody's way. */
export function isNameTaken(model: Model, name: string): boolean {
  const inXen = model.symbols.isAssumed === true ? null : model.symbols.lookup(name);
  return (inXen ?? lookupInPayloads(model, name)) !== null;
}

/** Whether a payload has a new symbol of that name. */
export function definesNew({ symbols }: ModelPayload, name: string): boolean {
  const known = newNames.get(symbols);
  const names =
    known ?? new Set(symbols.filter(({ newSymbol }) => newSymbol).map((symbol) => symbol.name));
  newNames.set(symbols, names);
  return names.has(name);
}

const newNames = new WeakMap<readonly PayloadSymbol[], ReadonlySet<string>>();

const newSymbolsOf = gatheredOf({
  start: () => new Map<string, bigint>(),
  add: (values, { symbols }: ModelPayload, _: Model) => {
    const takeOut = symbols.flatMap(({ name, value, newSymbol }) =>
      newSymbol ? [putFirst(values, name, value)] : [],
    );
    return () => {
      for (const take of takeOut) take();
    };
  },
});

/** The loaded payloads by their own ids. */
export interface PayloadsById {
  /** Of several with one id, the first in the order of upload. */
  readonly first: ReadonlyMap<BuildId, ModelPayload>;
  /** How many have an id that cannot be read, or is not known. */
  readonly unread: number;
}

/** See PayloadsById; good until the next model is asked about. */
export function payloadsById(model: Model): PayloadsById {
  return idsOf(model, model.payloads);
}

const idsOf = gatheredOf({
  start: () => ({ first: new Map<BuildId, ModelPayload>(), unread: 0 }),
  add: (found, payload: ModelPayload, { memory }: Model) => {
    if (payload.buildId.length === 0) return () => undefined;
    const id = memory.isKnown(payload.buildId.address) ? idAt(memory, payload.buildId) : null;
    if (id !== null) return putFirst(found.first, id, payload);
    found.unread++;
    return () => void found.unread--;
  },
});
