import { PAGE_SIZE } from '../abi/address.js';
import { ARCH_PATCH_INSN_SIZE, ENDBR64_LEN } from '../abi/livepatch.js';
import { functionsOf, type PatchedFunction, startsWithEndbr } from './function.js';
import { type AddressSpace, MemoryFault, type WritePermission, wrap64 } from './memory.js';
import type { FunctionState, Model, ModelPayload } from './model.js';
import type { LogLine } from './verdict.js';

/** NOPs that do not reach behind the ENDBR64 in front of them. */
export class ShortNop extends MemoryFault {
  /** As the payload names the function. */
  readonly symbol: string;

  constructor(address: bigint, symbol: string) {
    super('write', address);
    this.symbol = symbol;
  }
}

/** Xen's longest NOP; longer runs are made of several (add_nops, ASM_NOP_MAX). */
const MAX_NOP_BYTES = 8;
/** k8/p6 NOPs by length, as arch_init_ideal_nops chooses them for all but some old CPUs (P6_NOP*). */
const NOPS: readonly (readonly number[])[] = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/** add_nops: the longest first. */
export function nopBytes(length: number): Uint8Array {
  const bytes: number[] = [];
  while (bytes.length < length) {
    bytes.push(...(NOPS[Math.min(length - bytes.length, MAX_NOP_BYTES)] ?? []));
  }
  return Uint8Array.from(bytes);
}

/** `jmp rel32` from the patch site to the new function. */
function trampoline(func: PatchedFunction, patchOffset: number): Uint8Array {
  const code = Uint8Array.of(0xe9, 0, 0, 0, 0);
  const from = func.oldAddress + BigInt(patchOffset + ARCH_PATCH_INSN_SIZE);
  const distance = Number(BigInt.asIntN(32, func.newAddress - from));
  new DataView(code.buffer).setInt32(1, distance, true);
  return code;
}

/**
 * arch_livepatch_apply on every function that is not applied yet. Writes the trampoline, or NOPs
 * where there is no new code, behind an ENDBR64 if the function starts with one.
 */
export function patchFunctions(
  memory: AddressSpace,
  model: Model,
  payload: ModelPayload,
  log: LogLine[],
): readonly FunctionState[] {
  const { rules } = model;
  const canWrite = relaxedPages(model);
  const functions = functionsOf(memory, rules, payload);
  if (payload.functionStates.some((state) => !state.applied)) {
    requireWritableState(memory, model, payload);
  }
  return payload.functionStates.map((state, i) => {
    const func = functions[i];
    if (!func) return state;
    if (state.applied) {
      const name = memory.printed(func.nameAddress);
      const text = `common_livepatch_apply: ${name} has been already applied before`;
      log.push({ level: 'warning', text });
      return state;
    }
    // Where a jump is written, what is behind it does not matter to the verdict.
    const isNop = func.newAddress === 0n;
    const patchOffset = startsWithEndbr(memory, rules, func.oldAddress, isNop) ? ENDBR64_LEN : 0;
    const length = patchLength(func, patchOffset);
    // `len` is unsigned: a NOP shorter than the ENDBR64 in front of it would wrap. Xen then copies
    // 4 GiB, which ends in a page fault.
    if (length < 0) throw new ShortNop(func.oldAddress, memory.printed(func.nameAddress));
    const site = wrap64(func.oldAddress + BigInt(patchOffset));
    const savedBytes = memory.isKnown(site)
      ? memory.read(site, length).slice()
      : new Uint8Array(length);
    const code = isNop ? nopBytes(length) : trampoline(func, patchOffset);
    memory.write(site, code, canWrite);
    return { applied: true, patchOffset, savedBytes };
  });
}

/** arch_livepatch_revert on every applied function: the saved bytes go back. */
export function restoreFunctions(
  memory: AddressSpace,
  model: Model,
  payload: ModelPayload,
): readonly FunctionState[] {
  const functions = functionsOf(memory, model.rules, payload);
  const canWrite = relaxedPages(model);
  requireWritableState(memory, model, payload);
  return payload.functionStates.map((state, i) => {
    const func = functions[i];
    if (!func || !state.applied) return state;
    const site = wrap64(func.oldAddress + BigInt(state.patchOffset));
    memory.write(site, state.savedBytes, canWrite);
    return { ...state, applied: false };
  });
}

/** livepatch_insn_len. */
function patchLength(func: PatchedFunction, patchOffset: number): number {
  return func.newAddress === 0n ? func.newSize - patchOffset : ARCH_PATCH_INSN_SIZE;
}

/**
 * What can be written between arch_livepatch_quiesce and arch_livepatch_revive. Up to 4.15, in 4.16.0 to
 * 4.16.3 and 4.17.0, CR0.WP is off: everything that is mapped. From then on, the text of Xen and of the
 * payloads that are registered as virtual regions: those that are applied and, since 4.19 (4.17.4,
 * 4.18.1), all that are loaded; since 4.19 (4.17.4, 4.18.2) their read-only data as well.
 */
function relaxedPages({ rules, payloads }: Model): WritePermission {
  if (!rules.has('textRelaxedOnly')) return () => true;
  const unregistered = rules.has('regionsAtUpload')
    ? []
    : payloads.filter(({ state }) => state !== 'APPLIED');
  return ({ writable, holds, base }) => {
    if (writable) return true;
    if (holds === 'rodata' && !rules.has('rodataRelaxed')) return false;
    return !unregistered.some(
      ({ allocation }) =>
        base >= allocation.base && base < allocation.base + allocation.pages * PAGE_SIZE,
    );
  };
}

/**
 * Until 4.19 (4.17.3, 4.18.1) Xen keeps the state of each function in .livepatch.funcs itself, which it
 * then has to be able to write.
 */
function requireWritableState(memory: AddressSpace, model: Model, { funcs }: ModelPayload): void {
  if (funcs.count === 0 || model.rules.has('stateOutside')) return;
  const mapping = memory.mappingAt(funcs.address);
  if (!mapping) throw new MemoryFault('write', funcs.address);
  if (!relaxedPages(model)(mapping)) throw new MemoryFault('write', funcs.address, 'read-only');
}
