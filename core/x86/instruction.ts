import { countLeading } from '../abi/address.js';

/** Where execution can go after an instruction. */
export type Flow =
  /** To the next one. `hlt`, `int n`, `vmlaunch` and their like are here: Xen goes on behind them. */
  | 'next'
  /** To `target` only. A tail call looks like this. */
  | 'jump'
  /** To `target` or to the next one: jcc, jcxz, loop, xbegin. */
  | 'conditional'
  /** To `target`, and from there to the next one. */
  | 'call'
  /** To an address in a register or in memory. */
  | 'indirect-jump'
  | 'indirect-call'
  /** ret, iret, sysret and their like. The jump to a return thunk is a `jump`: see KnownThunks. */
  | 'return'
  /**
   * ud0, ud1, ud2, int3: into the exception handler. Xen's BUG and ASSERT end there, its WARN and
   * run_in_exception_handler go on behind the ud2; the bug frames that tell are in sections of their own.
   */
  | 'trap'
  /** No instruction: one byte that does not begin any. */
  | 'invalid'
  /** All that is left: the bytes end before it is clear what begins here. */
  | 'truncated';

/** A field of an instruction whose value depends on where code or data lie. */
export interface AddressField {
  /**
   * `branch`: signed distance from the end of the instruction to `target`. `rip`: the same, to
   * `ripTarget`. `absolute`: the address itself, 64 bits of it.
   */
  readonly kind: 'branch' | 'rip' | 'absolute';
  /** From the start of the instruction. */
  readonly offset: number;
  /** 1, 2, 4 or 8 bytes. */
  readonly sizeBytes: number;
}

/** One decoded x86-64 instruction. */
export interface Instruction {
  readonly address: bigint;
  /** In bytes: 1 to 15, for `invalid` 1. */
  readonly length: number;
  /** A view of the bytes that were decoded, not a copy. */
  readonly bytes: Uint8Array;
  readonly flow: Flow;
  /** Where a direct branch leads; null for everything else. */
  readonly target: bigint | null;
  /** What a RIP-relative memory operand (lea's too) refers to; null without one. */
  readonly ripTarget: bigint | null;
  /** An immediate of 64 bits, which can be an address; null without one. */
  readonly immediate64: bigint | null;
  /** The fields that hold these three, in order of offset. */
  readonly addressFields: readonly AddressField[];
}

/** The instruction that has a byte at an address, or null. The list is as a sweep gave it. */
export function instructionAt(
  instructions: readonly Instruction[],
  address: bigint,
): Instruction | null {
  const candidate = instructions[countLeading(instructions, (i) => i.address <= address) - 1];
  if (candidate === undefined) return null;
  return address < candidate.address + BigInt(candidate.length) ? candidate : null;
}

/**
 * The direct branches whose target lies strictly between two addresses: who would land in the middle
 * of what is written there. `from` itself is no middle: a jump to it meets the start of the new code.
 */
export function branchesInto(
  instructions: readonly Instruction[],
  from: bigint,
  to: bigint,
): readonly Instruction[] {
  return instructions.filter(({ target }) => target !== null && target > from && target < to);
}
