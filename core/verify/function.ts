import { KSYM_NAME_LEN, LIVEPATCH_FUNC } from '../abi/livepatch.js';
import { type AddressSpace, formatAddress } from './memory.js';
import type { ModelPayload } from './model.js';
import type { Rules } from './rules.js';

const ENDBR64 = 0xfa1e0ff3;
/** `nopw 0x1(%...)`: what the boot code writes over an ENDBR64 that is no branch target any more. */
const ENDBR64_POISON = 0x011f0f66;

/**
 * Whether the trampoline has to leave the first instruction alone (is_endbr64; 4.17, 4.14.5, 4.15.3,
 * 4.16.1; is_endbr64_poison since 4.17). The read faults where the address is not mapped. Where the code
 * is not known, it is taken to have none, which is an assumption where it `decides` anything.
 */
export function startsWithEndbr(
  memory: AddressSpace,
  rules: Rules,
  address: bigint,
  decides = true,
): boolean {
  if (!rules.has('endbr')) return false;
  if (!memory.isKnown(address)) {
    if (decides) memory.guess(`the code at ${formatAddress(address)} does not begin with ENDBR64`);
    return false;
  }
  const first = memory.u32(address);
  return first === ENDBR64 || (first === ENDBR64_POISON && rules.has('endbrPoison'));
}

/** A struct livepatch_func as it is in memory once the payload is loaded. */
export interface PatchedFunction {
  readonly nameAddress: bigint;
  readonly newAddress: bigint;
  readonly oldAddress: bigint;
  readonly newSize: number;
  readonly oldSize: number;
  readonly expect: {
    readonly enabled: boolean;
    readonly length: number;
    readonly reserved: number;
    /** Where the expected bytes are. */
    readonly dataAddress: bigint;
  } | null;
}

/**
 * The name of a function entry, latin1, cut where Xen's own table cuts names; null where its pointer leads to
 * nothing that is mapped. Xen loads such a payload where old_addr is given, since it does not read the name then.
 */
export function functionName(
  memory: AddressSpace,
  { nameAddress }: PatchedFunction,
): string | null {
  return memory.isMapped(nameAddress) ? memory.name(nameAddress, KSYM_NAME_LEN) : null;
}

/**
 * The function entries of a loaded payload; none where they are in memory that Xen has freed (4.20, 4.18.4,
 * 4.19.1: a section that is not allocated stays in the file's buffer).
 */
export function functionsInMemory(
  memory: AddressSpace,
  rules: Rules,
  payload: Pick<ModelPayload, 'funcs'>,
): readonly PatchedFunction[] {
  const { address, count } = payload.funcs;
  return count > 0 && memory.isMapped(address) ? functionsOf(memory, rules, payload) : [];
}

/** Reads the function entries of a loaded payload. Faults where they are not mapped, as Xen would. */
export function functionsOf(
  memory: AddressSpace,
  rules: Rules,
  { funcs }: Pick<ModelPayload, 'funcs'>,
): readonly PatchedFunction[] {
  const { address, count } = funcs;
  const entryBytes = LIVEPATCH_FUNC.sizeBytes[rules.payloadVersion];
  const bytes = memory.isKnown(address) ? memory.readOrNull(address, count * entryBytes) : null;
  if (bytes !== null) return functionsIn(bytes, address, entryBytes, rules);
  // One by one, up to the one that Xen faults at.
  return Array.from({ length: count }, (_, i) => {
    const at = address + BigInt(i * entryBytes);
    const expect = rules.payloadVersion === 2 ? expectationAt(memory, at + FIELD.expect) : null;
    return {
      nameAddress: memory.u64(at + FIELD.name),
      newAddress: memory.u64(at + FIELD.newAddress),
      oldAddress: memory.u64(at + FIELD.oldAddress),
      newSize: memory.u32(at + FIELD.newSize),
      oldSize: memory.u32(at + FIELD.oldSize),
      expect,
    };
  });
}

/** The same where they lie together, which costs one look at the memory, not seven an entry. */
function functionsIn(
  bytes: Uint8Array,
  address: bigint,
  entryBytes: number,
  { payloadVersion }: Rules,
): readonly PatchedFunction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: PatchedFunction[] = [];
  for (let at = 0; at < bytes.length; at += entryBytes) {
    const expectAt = at + LIVEPATCH_FUNC.expect;
    found.push({
      nameAddress: view.getBigUint64(at + LIVEPATCH_FUNC.name, true),
      newAddress: view.getBigUint64(at + LIVEPATCH_FUNC.new_addr, true),
      oldAddress: view.getBigUint64(at + LIVEPATCH_FUNC.old_addr, true),
      newSize: view.getUint32(at + LIVEPATCH_FUNC.new_size, true),
      oldSize: view.getUint32(at + LIVEPATCH_FUNC.old_size, true),
      expect:
        payloadVersion === 2
          ? expectation(view.getUint8(expectAt), address + BigInt(expectAt))
          : null,
    });
  }
  return found;
}

const FIELD = {
  name: BigInt(LIVEPATCH_FUNC.name),
  newAddress: BigInt(LIVEPATCH_FUNC.new_addr),
  oldAddress: BigInt(LIVEPATCH_FUNC.old_addr),
  newSize: BigInt(LIVEPATCH_FUNC.new_size),
  oldSize: BigInt(LIVEPATCH_FUNC.old_size),
  expect: BigInt(LIVEPATCH_FUNC.expect),
};

function expectationAt(memory: AddressSpace, at: bigint): PatchedFunction['expect'] {
  return expectation(memory.u8(at), at);
}

function expectation(flags: number, at: bigint): PatchedFunction['expect'] {
  return {
    enabled: (flags & 1) !== 0,
    length: (flags >> 1) & 31,
    reserved: flags >> 6,
    dataAddress: at + 1n,
  };
}
