import { rangeAt } from '../image/index.js';
import type { ModelPayload } from '../verify/index.js';
import { commonName } from './image-code.js';
import { ownerOf, type PayloadCode, type RunningCode } from './running.js';

/**
 * What lies at an address, by name: the same for two addresses if and only if the same thing lies
 * there, wherever a payload was loaded to. Code goes by the name of the function that callers mean,
 * whoever owns it now; Xen's data by its symbol; a payload's data by its symbol, or by its place in
 * the payload and that one's build-id. Null for an address that is nobody's.
 */
export function identityOf(code: RunningCode, address: bigint): string | null {
  const owner = ownerOf(code, address);
  if (owner !== null && owner.extent !== null) {
    return place(owner.extent.name, address - owner.extent.address);
  }
  if (owner !== null && owner.payload !== null) return payloadData(owner.payload, address);
  // Boundaries such as _etext lie at the end of a range, not in it.
  const { symbols } = code.base;
  const last = symbols.entries.at(-1)?.address ?? 0n;
  const found = address > last + MAX_DISTANCE ? null : symbols.ownerOf(address);
  if (found === null) return null;
  const { name } = commonName(symbols.at(found.symbol.address)) ?? found.symbol;
  return place(name, found.offset);
}

/** Ours: how far behind its last symbol an address can still mean something of Xen's. */
const MAX_DISTANCE = 2n * 1024n * 1024n;

function payloadData({ payload, buildId }: PayloadCode, address: bigint): string {
  for (const { name, value, size } of payload.symbols) {
    if (address >= value && address < value + (size === 0n ? 1n : size)) {
      return place(name, address - value);
    }
  }
  const area = areaOf(payload, address);
  return `payload ${buildId ?? payload.name} ${place(area, address - payload[area].address)}`;
}

function areaOf({ rw, ro }: ModelPayload, address: bigint): 'text' | 'rw' | 'ro' {
  if (address >= ro.address && ro.sizeBytes > 0n) return 'ro';
  return address >= rw.address && rw.sizeBytes > 0n ? 'rw' : 'text';
}

function place(name: string, offset: bigint): string {
  return offset === 0n ? name : `${name}+0x${offset.toString(16)}`;
}

/**
 * The variable that an address is in, or null where it is code, read-only, or nobody's. Two payloads
 * that use one variable are not independent of each other.
 */
export function variableAt(code: RunningCode, address: bigint): string | null {
  const owner = ownerOf(code, address);
  if (owner === null || owner.extent !== null) return null;
  if (owner.payload !== null) {
    const { payload } = owner.payload;
    return areaOf(payload, address) === 'rw' ? payloadData(owner.payload, address) : null;
  }
  if (rangeAt(code.base.memory, address)?.writable !== true) return null;
  return code.base.symbols.ownerOf(address)?.symbol.name ?? null;
}
