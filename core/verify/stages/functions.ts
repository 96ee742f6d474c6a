import { XEN_ERRNO } from '../../abi/errno.js';
import {
  ARCH_PATCH_INSN_SIZE,
  ENDBR64_LEN,
  LIVEPATCH_FUNC,
  LIVEPATCH_FUNC_APPLIED,
  LIVEPATCH_OPAQUE_SIZE,
  SECTION,
} from '../../abi/livepatch.js';
import { startsWithEndbr } from '../function.js';
import {
  contentsAddress,
  isWholeEntries,
  type Loading,
  refuse,
  type Stage,
  type StageResult,
  sectionByName,
} from '../loading.js';
import { signed64, wrap32, wrap64 } from '../memory.js';
import { type FunctionState, lookupInPayloads } from '../model.js';

const RANGE = 1n << 31n;
/** sizeof(struct livepatch_fstate). */
const FSTATE_BYTES = 40;
const UINT_MAX = 0xffffffff;

/**
 * The functions part of prepare_payload, with arch_livepatch_verify_func and
 * livepatch_verify_distance. All releases; the old address is resolved before the size is checked
 * since 4.17 (4.14.5, 4.15.3, 4.16.1).
 */
export const functions: Stage = (loading) => {
  const { memory, rules, draft } = loading;
  const section = sectionByName(loading, SECTION.funcs);
  if (!section) return 0;
  const entryBytes = LIVEPATCH_FUNC.sizeBytes[rules.payloadVersion];
  if (!isWholeEntries(loading, section, entryBytes)) return XEN_ERRNO.EINVAL;

  const address = contentsAddress(loading, section);
  // nfuncs is an unsigned int. It can be far more than there are bytes: only a section that is
  // loaded has its size checked, and the loop then ends at an entry that is not mapped.
  const count = Number(wrap32(section.header.size / BigInt(entryBytes)));
  if (rules.has('stateOutside') && count > Math.floor(UINT_MAX / FSTATE_BYTES)) {
    return XEN_ERRNO.ENOMEM;
  }
  draft.funcs = { address, count };
  const states: FunctionState[] = [];
  draft.functionStates = states;

  for (let i = 0; i < count; i++) {
    const func = wrap64(address + BigInt(i * entryBytes));
    const version = memory.u8(func + BigInt(LIVEPATCH_FUNC.version));
    if (version !== rules.payloadVersion) {
      return refuse(
        loading,
        XEN_ERRNO.EOPNOTSUPP,
        `: Wrong version (${version}). Expected ${rules.payloadVersion}`,
      );
    }
    if (memory.u32(func + BigInt(LIVEPATCH_FUNC.old_size)) === 0) {
      return refuse(loading, XEN_ERRNO.EINVAL, ': Address or size fields are zero');
    }
    const checks = rules.has('resolveBeforeSize')
      ? [resolveOldAddress, verifySize, verifyDistance]
      : [verifySize, resolveOldAddress, verifyDistance];
    for (const check of checks) {
      const errno = check(loading, func);
      if (errno) return errno;
    }
    states.push(initialState(loading, func));
  }
  return 0;
};

/**
 * Not applied. Where Xen keeps the state in the section itself (4.14 up to 4.17.2, 4.18.0), it is what
 * the file says: an entry that claims to be applied is skipped by APPLY, and REVERT then writes the
 * bytes that the file has for it.
 */
function initialState({ memory, rules }: Loading, func: bigint): FunctionState {
  const fresh = { applied: false, patchOffset: 0, savedBytes: new Uint8Array(0) };
  if (rules.has('stateOutside') || !rules.has('payloadV2')) return fresh;
  if (memory.u8(func + BigInt(LIVEPATCH_FUNC.applied)) !== LIVEPATCH_FUNC_APPLIED) return fresh;
  const patchOffset = rules.has('endbr')
    ? memory.u8(func + BigInt(LIVEPATCH_FUNC.patch_offset))
    : 0;
  const isNop = memory.u64(func + BigInt(LIVEPATCH_FUNC.new_addr)) === 0n;
  const newSize = memory.u32(func + BigInt(LIVEPATCH_FUNC.new_size));
  const length = isNop ? newSize - patchOffset : ARCH_PATCH_INSN_SIZE;
  const opaque = func + BigInt(LIVEPATCH_FUNC.opaque);
  const savedBytes = memory.read(opaque, Math.max(0, length)).slice();
  return { applied: true, patchOffset, savedBytes };
}

function resolveOldAddress(loading: Loading, func: bigint): StageResult {
  const { memory, model } = loading;
  const field = func + BigInt(LIVEPATCH_FUNC.old_addr);
  if (memory.u64(field) !== 0n) return 0;
  const nameAddress = memory.u64(func + BigInt(LIVEPATCH_FUNC.name));
  const { text } = memory.string(nameAddress);
  const found = model.symbols.lookup(text) ?? lookupInPayloads(model, text);
  if (found === null) {
    return refuse(
      loading,
      XEN_ERRNO.ENOENT,
      `: Could not resolve old address of ${memory.printed(nameAddress)}`,
    );
  }
  memory.setU64(field, found);
  return 0;
}

function verifySize({ memory, rules }: Loading, func: bigint): StageResult {
  const oldSize = memory.u32(func + BigInt(LIVEPATCH_FUNC.old_size));
  const newSize = memory.u32(func + BigInt(LIVEPATCH_FUNC.new_size));
  if (memory.u64(func + BigInt(LIVEPATCH_FUNC.new_addr)) === 0n) {
    if (newSize > LIVEPATCH_OPAQUE_SIZE) return XEN_ERRNO.EOPNOTSUPP;
    return oldSize < newSize ? XEN_ERRNO.EINVAL : 0;
  }
  const oldAddress = memory.u64(func + BigInt(LIVEPATCH_FUNC.old_addr));
  const endbr = startsWithEndbr(memory, rules, oldAddress) ? ENDBR64_LEN : 0;
  return oldSize < ARCH_PATCH_INSN_SIZE + endbr ? XEN_ERRNO.EINVAL : 0;
}

function verifyDistance({ memory }: Loading, func: bigint): StageResult {
  const newAddress = memory.u64(func + BigInt(LIVEPATCH_FUNC.new_addr));
  if (newAddress === 0n) return 0;
  const distance = signed64(memory.u64(func + BigInt(LIVEPATCH_FUNC.old_addr)) - newAddress);
  return distance < -RANGE || distance >= RANGE ? XEN_ERRNO.EOVERFLOW : 0;
}
