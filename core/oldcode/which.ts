import { alike, didYouMean, XspliceError } from '../findings/index.js';
import { type CodeExtent, imageBytes } from './image-code.js';
import {
  allPatches,
  ownerOf,
  patchesByAddress,
  type RunningCode,
  throughTrampolines,
} from './running.js';

/** One code that a function has had, or has. */
export interface CodeVersion {
  /** Name of the payload it belongs to; null for the hypervisor. Escape before printing. */
  readonly owner: string | null;
  readonly address: bigint;
  /** Of the code; for NOPs, of what they cover. */
  readonly sizeBytes: number;
  /** `original`: as linked or as it came with its payload. `nops`: the same with NOPs written into it. */
  readonly kind: 'original' | 'replacement' | 'nops';
}

/** What a name or an address means on a hypervisor with these payloads. */
export interface EffectiveCode {
  /** The function it belongs to, as callers name it; null where it is in no known code. */
  readonly symbol: string | null;
  /** Distance from the start of the code that the question was about. */
  readonly offset: bigint;
  /** Whose code or data the address asked about is: a payload's name, or null for the hypervisor. */
  readonly owner: string | null;
  /** All codes of the function, the hypervisor's or the first payload's own first; the last one runs. */
  readonly history: readonly CodeVersion[];
  /** Of the code that runs, up to the next symbol; null where they are not known. */
  readonly bytes: Uint8Array | null;
  /** False where the address is inside code that no call reaches any more: it was replaced. */
  readonly isRunning: boolean;
}

/**
 * What a function or an address is on a hypervisor with its applied payloads: whose, and what code
 * the function has now. Names are looked up as Xen does, then in the loaded payloads in upload order.
 * Fails with `unknown-symbol`, and `unknown-address` for one that is neither Xen's nor a payload's.
 */
export function effectiveCode(code: RunningCode, asked: string | bigint): EffectiveCode {
  const address = typeof asked === 'bigint' ? asked : addressOf(code, asked);
  const owner = ownerOf(code, address);
  if (owner === null) {
    throw new XspliceError(
      'unknown-address',
      `0x${address.toString(16)} is neither in the hypervisor nor in one of ${code.payloads.length} loaded payloads`,
    );
  }
  const { extent } = owner;
  const ownerName = owner.payload?.payload.name ?? null;
  if (extent === null) {
    const data = code.base.symbols.ownerOf(address);
    const isXens = ownerName === null && data !== null;
    return {
      symbol: isXens ? data.symbol.name : null,
      offset: isXens ? data.offset : address - (owner.payload?.payload.allocation.base ?? address),
      owner: ownerName,
      history: [],
      bytes: null,
      isRunning: true,
    };
  }
  const history = historyOf(code, extent);
  const running = history.at(-1)?.address ?? extent.address;
  return {
    symbol: extent.name,
    offset: address - extent.address,
    owner: ownerName,
    history,
    bytes: bytesAt(code, running),
    isRunning: running === extent.address,
  };
}

function addressOf(code: RunningCode, name: string): bigint {
  const inXen = code.model.symbols.lookup(name);
  if (inXen !== null) return inXen;
  for (const { extents, payload } of code.payloads) {
    const symbol = payload.symbols.find((candidate) => candidate.name === name);
    if (symbol !== undefined) return symbol.value;
    const extent = extents.find((candidate) => candidate.name === name);
    if (extent !== undefined) return extent.address;
  }
  const local = code.base.symbols.entries.filter((entry) => entry.name.endsWith(`#${name}`));
  const names = local.slice(0, 4).map((entry) => entry.name);
  const hint =
    names.length === 0
      ? didYouMean(alike(name, namesIn(code))).trim()
      : `Static functions have the name of their file: ${names.join(', ')}`;
  throw new XspliceError(
    'unknown-symbol',
    `No symbol ${name} in the hypervisor or its payloads`,
    hint === '' ? {} : { hint },
  );
}

/** What a symbol can be called, of the hypervisor first. */
function namesIn({ base, payloads }: RunningCode): readonly string[] {
  const all = [
    ...base.symbols.entries.map(({ name }) => name),
    ...payloads.flatMap(({ payload }) => payload.symbols.map(({ name }) => name)),
  ];
  return [...new Set(all)];
}

/** From the first code of the function that an extent is a code of, to the one that runs. */
function historyOf(code: RunningCode, extent: CodeExtent): readonly CodeVersion[] {
  const first = firstCode(code, extent.address);
  const history: CodeVersion[] = [version(code, first, 'original')];
  let at = first;
  const count = allPatches(code).length;
  // Each patch is met once at most.
  for (let turn = 0; turn <= count; turn++) {
    const patches = patchesByAddress(code).get(at) ?? [];
    for (const { payload, newAddress, newSize, oldAddress, patchOffset } of patches) {
      history.push(
        newAddress === 0n
          ? { owner: payload, address: oldAddress, sizeBytes: newSize - patchOffset, kind: 'nops' }
          : { owner: payload, address: newAddress, sizeBytes: newSize, kind: 'replacement' },
      );
    }
    const top = patches.at(-1);
    if (top === undefined || top.newAddress === 0n) break;
    at = top.newAddress;
  }
  return history;
}

/** Down the trampolines, from new code to what it replaced. */
function firstCode(code: RunningCode, address: bigint): bigint {
  const patches = allPatches(code);
  let at = address;
  for (let turn = 0; turn <= patches.length; turn++) {
    const under = patches.find(({ newAddress }) => newAddress === at);
    if (under === undefined) return at;
    at = under.oldAddress;
  }
  return at;
}

function version(code: RunningCode, address: bigint, kind: CodeVersion['kind']): CodeVersion {
  const owner = ownerOf(code, address);
  const symbol = code.base.symbols.at(address).find(({ size }) => size > 0n);
  return {
    owner: owner?.payload?.payload.name ?? null,
    address,
    sizeBytes: symbol === undefined ? (owner?.extent?.sizeBytes ?? 0) : Number(symbol.size),
    kind,
  };
}

function bytesAt(code: RunningCode, address: bigint): Uint8Array | null {
  const extent = ownerOf(code, throughTrampolines(code, address))?.extent;
  if (!extent) return null;
  return (
    code.model.memory.readOrNull(extent.address, extent.sizeBytes) ?? imageBytes(code.base, extent)
  );
}
