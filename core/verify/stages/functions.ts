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
  checkWholeEntries,
  contentsAddress,
  doing,
  type Grounds,
  hasMaxFaults,
  type Loading,
  loadingSectionByName,
  named,
  neededAddress,
  refuse,
  type Stage,
  type StageResult,
} from '../loading.js';
import { formatAddress, signed64, wrap32, wrap64 } from '../memory.js';
import type { FunctionState } from '../model.js';

const RANGE = 1n << 31n;
/** sizeof(struct livepatch_fstate). */
const FSTATE_BYTES = 40;
const UINT_MAX = 0xffffffff;
const SHT_RELR = 19;
const SHT_CREL = 0x40000014;

/**
 * The functions part of prepare_payload, with arch_livepatch_verify_func and
 * livepatch_verify_distance. All releases; the old address is resolved before the size is checked
 * since 4.17 (4.14.5, 4.15.3, 4.16.1).
 */
export const functions: Stage = (loading) => {
  const { memory, rules, draft } = loading;
  const section = loadingSectionByName(loading, SECTION.funcs);
  if (!section) return 0;
  const entryBytes = LIVEPATCH_FUNC.sizeBytes[rules.payloadVersion];
  const notWhole = checkWholeEntries(loading, section, entryBytes);
  if (notWhole) return notWhole;

  const address = contentsAddress(loading, section);
  // nfuncs is an unsigned int. It can be far more than there are bytes: only a section that is
  // loaded has its size checked, and the loop then ends at an entry that is not mapped.
  const count = Number(wrap32(section.header.size / BigInt(entryBytes)));
  if (rules.has('stateOutside') && count > Math.floor(UINT_MAX / FSTATE_BYTES)) {
    return refuse(loading, XEN_ERRNO.ENOMEM, null, {
      reason: 'too-many-functions',
      section: SECTION.funcs,
    });
  }
  draft.funcs = { address, count };
  const states: FunctionState[] = [];
  draft.functionStates = states;
  let fault: StageResult = 0;

  for (let i = 0; i < count && !hasMaxFaults(loading); i++) {
    const func = wrap64(address + BigInt(i * entryBytes));
    const version = doing(loading, { reason: 'functions-not-loaded', section: SECTION.funcs }, () =>
      memory.u8(func + BigInt(LIVEPATCH_FUNC.version)),
    );
    if (version !== rules.payloadVersion) {
      // Another version has other entries: what follows would be read as what it is not.
      return refuse(
        loading,
        XEN_ERRNO.EOPNOTSUPP,
        `: Wrong version (${version}). Expected ${rules.payloadVersion}`,
        {
          reason: 'payload-version',
          section: SECTION.funcs,
          offset: BigInt(i * entryBytes),
          expected: `version ${rules.payloadVersion}`,
          actual: `version ${version}`,
        },
      );
    }
    const entry = { address: func, offset: BigInt(i * entryBytes) };
    const bad = checkEntry(loading, entry);
    if (bad) fault = bad;
    else states.push(initialState(loading, func));
  }
  return fault;
};

/** One function entry: where it is in memory and in its section. */
interface Entry {
  readonly address: bigint;
  readonly offset: bigint;
}

/** Refuses because of an entry, with its function's name where that can be read. */
function refuseEntry(
  loading: Loading,
  { address, offset }: Entry,
  errno: number,
  text: string | null,
  values: Pick<Grounds, 'reason' | 'expected' | 'actual'>,
): StageResult {
  const symbol = loading.memory.u64(address + BigInt(LIVEPATCH_FUNC.name));
  return refuse(loading, errno, text, {
    ...named(loading, { symbol }),
    section: SECTION.funcs,
    offset,
    ...values,
  });
}

function checkEntry(loading: Loading, entry: Entry): StageResult {
  if (loading.memory.u32(entry.address + BigInt(LIVEPATCH_FUNC.old_size)) === 0) {
    const text = ': Address or size fields are zero';
    return refuseEntry(loading, entry, XEN_ERRNO.EINVAL, text, {
      reason: 'old-size-zero',
      actual: 'old_size 0',
    });
  }
  return loading.rules.has('resolveBeforeSize')
    ? resolveOldAddress(loading, entry) ||
        verifySize(loading, entry) ||
        verifyDistance(loading, entry)
    : verifySize(loading, entry) ||
        resolveOldAddress(loading, entry) ||
        verifyDistance(loading, entry);
}

const FRESH: FunctionState = { applied: false, patchOffset: 0, savedBytes: new Uint8Array(0) };

/**
 * Not applied. Where Xen keeps the state in the section itself (4.14 up to 4.17.2, 4.18.0), it is what
 * the file says: an entry that claims to be applied is skipped by APPLY, and REVERT then writes the
 * bytes that the file has for it.
 */
function initialState({ memory, rules }: Loading, func: bigint): FunctionState {
  if (rules.has('stateOutside') || !rules.has('payloadV2')) return FRESH;
  if (memory.u8(func + BigInt(LIVEPATCH_FUNC.applied)) !== LIVEPATCH_FUNC_APPLIED) return FRESH;
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

function resolveOldAddress(loading: Loading, entry: Entry): StageResult {
  const { memory } = loading;
  const field = entry.address + BigInt(LIVEPATCH_FUNC.old_addr);
  if (memory.u64(field) !== 0n) return 0;
  const nameAddress = memory.u64(entry.address + BigInt(LIVEPATCH_FUNC.name));
  const text = doing(
    loading,
    () => namelessGrounds(loading, entry),
    () => memory.name(nameAddress),
  );
  const found = neededAddress(loading, text);
  if (found === null) {
    return refuseEntry(
      loading,
      entry,
      XEN_ERRNO.ENOENT,
      `: Could not resolve old address of ${memory.printed(nameAddress)}`,
      { reason: 'function-not-found' },
    );
  }
  memory.setU64(field, found);
  return 0;
}

/** Why a name may lead nowhere: relocations of the section that Xen does not perform, or anything else. */
function namelessGrounds(loading: Loading, { offset }: Entry): Grounds {
  const funcs = loadingSectionByName(loading, SECTION.funcs);
  const index = funcs === null ? -1 : loading.sections.indexOf(funcs);
  const skipped = loading.sections
    .slice(1)
    .find(({ header }) => header.info === index && isSkippedTable(header.type));
  if (skipped === undefined) {
    return { reason: 'function-name-nowhere', section: SECTION.funcs, offset };
  }
  return {
    reason: 'function-relocations-skipped',
    ...named(loading, { section: skipped.nameAddress }),
  };
}

/** Types of relocation sections that the loader passes over: RELR, CREL. */
function isSkippedTable(type: number): boolean {
  return type === SHT_RELR || type === SHT_CREL;
}

function verifySize(loading: Loading, entry: Entry): StageResult {
  const { memory, rules } = loading;
  const func = entry.address;
  const oldSize = memory.u32(func + BigInt(LIVEPATCH_FUNC.old_size));
  const newSize = memory.u32(func + BigInt(LIVEPATCH_FUNC.new_size));
  if (memory.u64(func + BigInt(LIVEPATCH_FUNC.new_addr)) === 0n) {
    if (newSize > LIVEPATCH_OPAQUE_SIZE) {
      return refuseEntry(loading, entry, XEN_ERRNO.EOPNOTSUPP, null, {
        reason: 'nop-too-long',
        expected: `a NOP of at most ${LIVEPATCH_OPAQUE_SIZE} bytes`,
        actual: `new_size ${newSize}`,
      });
    }
    if (oldSize >= newSize) return 0;
    return refuseEntry(loading, entry, XEN_ERRNO.EINVAL, null, {
      reason: 'nop-longer-than-function',
      expected: `a NOP of at most ${oldSize} bytes (old_size)`,
      actual: `new_size ${newSize}`,
    });
  }
  const oldAddress = memory.u64(func + BigInt(LIVEPATCH_FUNC.old_addr));
  const decides = oldSize < ARCH_PATCH_INSN_SIZE + ENDBR64_LEN;
  const unmapped: Grounds = {
    reason: 'old-address-unmapped',
    section: SECTION.funcs,
    offset: entry.offset,
    actual: `old_addr ${formatAddress(oldAddress)}`,
  };
  const endbr = doing(loading, unmapped, () =>
    startsWithEndbr(memory, rules, oldAddress, decides) ? ENDBR64_LEN : 0,
  );
  const smallest = ARCH_PATCH_INSN_SIZE + endbr;
  if (oldSize >= smallest) return 0;
  return refuseEntry(loading, entry, XEN_ERRNO.EINVAL, null, {
    reason: 'no-room-for-jump',
    expected: `old_size of at least ${smallest}`,
    actual: `old_size ${oldSize}`,
  });
}

function verifyDistance(loading: Loading, entry: Entry): StageResult {
  const { memory } = loading;
  const newAddress = memory.u64(entry.address + BigInt(LIVEPATCH_FUNC.new_addr));
  if (newAddress === 0n) return 0;
  const oldAddress = memory.u64(entry.address + BigInt(LIVEPATCH_FUNC.old_addr));
  const distance = signed64(oldAddress - newAddress);
  if (distance >= -RANGE && distance < RANGE) return 0;
  return refuseEntry(loading, entry, XEN_ERRNO.EOVERFLOW, null, {
    reason: 'function-too-far',
    expected: 'old and new code within 2 GiB',
    actual: `old_addr ${formatAddress(oldAddress)}, new_addr ${formatAddress(newAddress)}`,
  });
}
