import type { BuildId } from '../abi/ids.js';
import { rangeAt } from '../image/index.js';
import {
  appliedOf,
  functionName,
  functionsInMemory,
  gatheredOf,
  idAt,
  type Model,
  type ModelPayload,
  PAGE_SIZE,
  payloadWithCode,
} from '../verify/index.js';
import { type BaseCode, type CodeExtent, extentAt } from './image-code.js';

/** One function that an applied payload has replaced, or overwritten with NOPs. */
export interface AppliedPatch {
  readonly payload: string;
  /** As the payload's function entry names it. */
  readonly name: string;
  readonly oldAddress: bigint;
  /** 0 for NOPs. */
  readonly newAddress: bigint;
  readonly oldSize: number;
  readonly newSize: number;
  /** Where the bytes that were changed begin, from oldAddress: 4 behind an ENDBR64, else 0. */
  readonly patchOffset: number;
  /** The bytes that stood there before. */
  readonly savedBytes: Uint8Array;
}

/** A loaded payload's code and what it is called. */
export interface PayloadCode {
  readonly payload: ModelPayload;
  readonly buildId: BuildId | null;
  readonly extents: readonly CodeExtent[];
}

/** A hypervisor with its payloads, indexed for questions about code. Belongs to one model. */
export interface RunningCode {
  readonly base: BaseCode;
  readonly model: Model;
  /** Base first. */
  readonly applied: readonly ModelPayload[];
  /** In the order of upload. */
  readonly payloads: readonly PayloadCode[];
  readonly codeOf: ReadonlyMap<ModelPayload, PayloadCode>;
}

/** Indexes a model. The base is the code of the image that the model was made from. */
export function runningCode(base: BaseCode, model: Model): RunningCode {
  const codeOf = new Map<ModelPayload, PayloadCode>();
  const code = { base, model, codeOf };
  let last: PayloadCode | undefined;
  // In the order of upload: what a payload replaces lies in the hypervisor or in an earlier one.
  for (const payload of model.payloads) {
    last = payloadCode(code, last, payload);
    codeOf.set(payload, last);
  }
  return { ...code, applied: appliedOf(model), payloads: [...codeOf.values()] };
}

/** What the applied payloads have changed, in the order in which they were applied. */
export function allPatches({ model, applied }: RunningCode): readonly AppliedPatch[] {
  return applied.flatMap((payload) => patchesOf(model, payload));
}

/** The same by the address they changed, the one on top last; good until another hypervisor is asked about. */
export function patchesByAddress({
  model,
  applied,
}: RunningCode): ReadonlyMap<bigint, readonly AppliedPatch[]> {
  return gatheredPatches(model, applied);
}

const gatheredPatches = gatheredOf({
  start: () => new Map<bigint, AppliedPatch[]>(),
  add: (found, payload: ModelPayload, model: Model) => {
    const patches = patchesOf(model, payload);
    for (const patch of patches) {
      const known = found.get(patch.oldAddress);
      if (known === undefined) found.set(patch.oldAddress, [patch]);
      else known.push(patch);
    }
    return () => {
      for (const { oldAddress } of patches) {
        const left = found.get(oldAddress);
        left?.pop();
        if (left?.length === 0) found.delete(oldAddress);
      }
    };
  },
});

/** By the payload as Xen keeps it at one time: there is another one once it is applied or reverted. */
const patches = new WeakMap<ModelPayload, readonly AppliedPatch[]>();

/** The functions of a payload, applied or not, as patches. */
export function patchesOf(model: Model, payload: ModelPayload): readonly AppliedPatch[] {
  const known = patches.get(payload) ?? readPatches(model, payload);
  patches.set(payload, known);
  return known;
}

function readPatches({ memory, rules }: Model, payload: ModelPayload): readonly AppliedPatch[] {
  return functionsInMemory(memory, rules, payload).map((func, index) => {
    const state = payload.functionStates[index];
    return {
      payload: payload.name,
      name: functionName(memory, func) ?? '',
      oldAddress: func.oldAddress,
      newAddress: func.newAddress,
      oldSize: func.oldSize,
      newSize: func.newSize,
      patchOffset: state?.patchOffset ?? 0,
      savedBytes: state?.savedBytes ?? new Uint8Array(),
    };
  });
}

/** By payload, as above, and what it was read upon. */
const codes = new WeakMap<
  ModelPayload,
  { readonly base: BaseCode; readonly last: PayloadCode | undefined; readonly code: PayloadCode }
>();

type KnownCode = Pick<RunningCode, 'base' | 'model' | 'codeOf'>;

/** `last`: the code of the payload that was loaded before. */
function payloadCode(
  code: KnownCode,
  last: PayloadCode | undefined,
  payload: ModelPayload,
): PayloadCode {
  const known = codes.get(payload);
  // The last one was itself read upon all that are below it.
  if (known?.base === code.base && known.last === last) return known.code;
  const read = readCode(code, payload);
  codes.set(payload, { base: code.base, last, code: read });
  return read;
}

/** The code that begins at an address; null where none is known to. */
export function codeStartingAt(
  { base, model, codeOf }: KnownCode,
  address: bigint,
): CodeExtent | null {
  const payload = payloadWithCode(model, address);
  const extents = payload === null ? base.extents : (codeOf.get(payload)?.extents ?? []);
  const extent = extentAt(extents, address);
  return extent?.address === address ? extent : null;
}

function readCode(code: KnownCode, payload: ModelPayload): PayloadCode {
  const { model } = code;
  const { text } = payload;
  const end = text.address + text.sizeBytes;
  const names = new Map<bigint, string>();
  const note = (address: bigint, name: string) => {
    if (address >= text.address && address < end && !names.has(address)) names.set(address, name);
  };
  // New code goes by the name of what it replaces: callers mean that, wherever it lies.
  for (const { newAddress, oldAddress, name } of patchesOf(model, payload)) {
    note(newAddress, codeStartingAt(code, oldAddress)?.name ?? name);
  }
  for (const { value, name } of payload.symbols) note(value, name);
  if (text.sizeBytes > 0n) note(text.address, '.text');
  const starts = [...names].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    payload,
    buildId: idAt(model.memory, payload.buildId),
    extents: starts.map(([start, name], index) => ({
      name,
      address: start,
      sizeBytes: Number((starts[index + 1]?.[0] ?? end) - start),
    })),
  };
}

/** Whose an address is. */
export interface Owner {
  /** Null for the hypervisor itself. */
  readonly payload: PayloadCode | null;
  /** The code it lies in; null where it is data, or in nothing known. */
  readonly extent: CodeExtent | null;
}

/** Null where the address belongs neither to the hypervisor nor to a loaded payload. */
export function ownerOf(code: RunningCode, address: bigint): Owner | null {
  for (const payload of code.payloads) {
    const { allocation } = payload.payload;
    if (address < allocation.base || address >= allocation.base + allocation.pages * PAGE_SIZE)
      continue;
    return { payload, extent: extentAt(payload.extents, address) };
  }
  if (rangeAt(code.base.memory, address) === null) return null;
  return { payload: null, extent: extentAt(code.base.extents, address) };
}

/**
 * Where the code is that runs when an address is called: through the trampolines of all applied
 * payloads, to the new code on top. The address itself where nothing replaced it.
 */
export function throughTrampolines(code: RunningCode, address: bigint): bigint {
  const patches = patchesByAddress(code);
  const passed = new Set<bigint>();
  let at = address;
  // A payload that jumps back in a circle ends here too.
  for (let top = patches.get(at)?.at(-1); top !== undefined && !passed.has(at); ) {
    if (top.newAddress === 0n) return at;
    passed.add(at);
    at = top.newAddress;
    top = patches.get(at)?.at(-1);
  }
  return at;
}
