import { type Iced, loadIced } from './iced.js';
import type { Instruction } from './instruction.js';

/** Registers as bits: RAX 1, RCX 2, RDX 4 … R15 0x8000. Parts of a register count as the register. */
export type RegisterSet = number;

/** The stack pointer, as its number. */
export const RSP = 4;
/** Those that pass arguments, in their order: RDI, RSI, RDX, RCX, R8, R9 (System V ABI, which Xen's compilers keep to). */
const ARGUMENT_ORDER = [7, 6, 2, 1, 8, 9];
export const ARGUMENT_REGISTERS: RegisterSet = ARGUMENT_ORDER.reduce((set, n) => set | (1 << n), 0);
/** Those that a call may leave with anything: RAX, RCX, RDX, RSI, RDI, R8 to R11. */
export const CALL_CLOBBERED: RegisterSet = 0b1111_1100_0111;
export const RAX_BIT: RegisterSet = 1;

/** Memory that an instruction reads or writes. */
export interface MemoryEffect {
  /** Base and index; 0 for an address that is fixed, RIP-relative ones included. */
  readonly address: RegisterSet;
  /** Number of the base register; null without one. */
  readonly base: number | null;
  /** Signed. Of RIP-relative ones the address itself. */
  readonly displacement: bigint;
  readonly isIndexed: boolean;
  readonly access: 'read' | 'write';
  /** What is added to it where that is a constant and all that is done (add, sub, inc, dec); otherwise null. */
  readonly step: number | null;
}

/** What an instruction does with registers and memory, as far as it takes to follow an address through code. */
export interface Effects {
  /** Registers whose value it uses, but for what `derives` says and for addresses of memory. */
  readonly uses: RegisterSet;
  /** Registers that it compares (cmp, test), so that nothing of them goes anywhere. */
  readonly compares: RegisterSet;
  /** Registers that hold something else afterwards, whole. */
  readonly writes: RegisterSet;
  /** A register that holds afterwards what is computed of others (mov, lea, add and their like). */
  readonly derives: { readonly to: number; readonly from: RegisterSet } | null;
  /** A whole register that is copied to memory, or from there: push, pop, mov. */
  readonly moves: { readonly register: number; readonly direction: 'store' | 'load' } | null;
  readonly memory: readonly MemoryEffect[];
  /** How far the stack pointer moves; null where that is not known. */
  readonly stackStep: number | null;
}

/**
 * The argument registers that a call can pass, of those that were written since the last one: the first that was not
 * ends the arguments.
 */
export function passable(written: RegisterSet): RegisterSet {
  const end = ARGUMENT_ORDER.findIndex((number) => (written & (1 << number)) === 0);
  return ARGUMENT_ORDER.slice(0, end < 0 ? ARGUMENT_ORDER.length : end).reduce(
    (set, number) => set | (1 << number),
    0,
  );
}

type IcedInstruction = InstanceType<Iced['Instruction']>;

const QWORD = 8;

/** What an instruction does; of bytes that are no instruction, nothing. */
export function effectsOf({ bytes, address, flow }: Instruction): Effects {
  if (flow === 'invalid' || flow === 'truncated') return NOTHING;
  scratch ??= createScratch(loadIced());
  const { iced, instruction, factory } = scratch;
  const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None);
  try {
    decoder.ip = address;
    decoder.decodeOut(instruction);
    return effects(iced, factory, instruction);
  } finally {
    decoder.free();
  }
}

/** Reused: each is memory of the WebAssembly module. */
let scratch: ReturnType<typeof createScratch> | null = null;

function createScratch(iced: Iced) {
  return { iced, instruction: new iced.Instruction(), factory: new iced.InstructionInfoFactory() };
}

const NOTHING: Effects = {
  ...{ uses: 0, compares: 0, writes: 0, derives: null, moves: null, memory: [], stackStep: 0 },
};

function effects(
  iced: Iced,
  factory: InstanceType<Iced['InstructionInfoFactory']>,
  instruction: IcedInstruction,
): Effects {
  const info = factory.info(instruction);
  try {
    const memory = memoryEffects(iced, info, instruction);
    const addresses = memory.reduce((set, { address }) => set | address, 0);
    let [reads, writes] = [0, 0];
    for (const used of info.usedRegisters()) {
      const bit = registerBit(iced, used.register);
      if (isRead(iced, used.access)) reads |= bit;
      // A byte or two of it leave the rest as it was.
      if (isWrite(iced, used.access) && iced.RegisterExt.size(used.register) >= 4) writes |= bit;
      used.free();
    }
    // An address register that is an operand too is used as a value.
    let uses = reads & ~addresses;
    for (let operand = 0; operand < instruction.opCount; operand++) {
      if (instruction.opKind(operand) !== iced.OpKind.Register) continue;
      if (!isRead(iced, info.opAccess(operand))) continue;
      uses |= registerBit(iced, instruction.opRegister(operand));
    }
    const derives = derivation(iced, instruction);
    const moves = movement(iced, instruction);
    if (derives !== null) uses &= ~derives.from;
    if (moves !== null) uses &= ~(1 << moves.register);
    const compares = isComparison(iced, instruction) ? uses : 0;
    uses &= ~(compares | (1 << RSP));
    const stackStep = stackStepOf(iced, instruction, (writes & (1 << RSP)) !== 0);
    return { uses, compares, writes, derives, moves, memory, stackStep };
  } finally {
    info.free();
  }
}

function memoryEffects(
  iced: Iced,
  info: InstanceType<Iced['InstructionInfo']>,
  instruction: IcedInstruction,
): readonly MemoryEffect[] {
  const { Register } = iced;
  return info.usedMemory().map((used): MemoryEffect => {
    const isRip = used.base === Register.RIP || used.base === Register.EIP;
    const base = isRip || used.base === Register.None ? null : registerNumber(iced, used.base);
    const isIndexed = used.index !== Register.None;
    const address =
      (base === null ? 0 : 1 << base) | (isIndexed ? registerBit(iced, used.index) : 0);
    const access = isWrite(iced, used.access) ? 'write' : 'read';
    const effect = { address, base, displacement: BigInt.asIntN(64, used.displacement), isIndexed };
    used.free();
    return { ...effect, access, step: access === 'write' ? stepOf(iced, instruction) : null };
  });
}

/** The constant that is added to memory; null for anything else. */
function stepOf(iced: Iced, instruction: IcedInstruction): number | null {
  const { Mnemonic, OpKind } = iced;
  const { mnemonic } = instruction;
  if (instruction.opKind(0) !== OpKind.Memory) return null;
  if (mnemonic === Mnemonic.Inc) return 1;
  if (mnemonic === Mnemonic.Dec) return -1;
  if (mnemonic !== Mnemonic.Add && mnemonic !== Mnemonic.Sub) return null;
  if (instruction.opKind(1) === OpKind.Register) return null;
  const constant = Number(BigInt.asIntN(32, instruction.immediate(1)));
  return mnemonic === Mnemonic.Add ? constant : -constant;
}

function derivation(iced: Iced, instruction: IcedInstruction): Effects['derives'] {
  const { Mnemonic, OpKind, RegisterExt } = iced;
  if (instruction.opCount < 2 || instruction.opKind(0) !== OpKind.Register) return null;
  const target = instruction.opRegister(0);
  if (!RegisterExt.isGPR(target) || RegisterExt.size(target) !== QWORD) return null;
  const to = registerNumber(iced, target);
  const source =
    instruction.opKind(1) === OpKind.Register ? registerBit(iced, instruction.opRegister(1)) : 0;
  switch (instruction.mnemonic) {
    case Mnemonic.Mov:
      return source === 0 ? null : { to, from: source };
    case Mnemonic.Lea:
      return {
        to,
        from:
          registerBit(iced, instruction.memoryBase) | registerBit(iced, instruction.memoryIndex),
      };
    case Mnemonic.Add:
    case Mnemonic.Sub:
    case Mnemonic.And:
    case Mnemonic.Or:
      return { to, from: source | (1 << to) };
    case Mnemonic.Xor:
      return source === 1 << to ? null : { to, from: source | (1 << to) };
    default:
      return /^Cmov/.test(Mnemonic[instruction.mnemonic] ?? '')
        ? { to, from: source | (1 << to) }
        : null;
  }
}

function movement(iced: Iced, instruction: IcedInstruction): Effects['moves'] {
  const { Mnemonic, OpKind, RegisterExt } = iced;
  const whole = (operand: number): number | null => {
    if (instruction.opKind(operand) !== OpKind.Register) return null;
    const register = instruction.opRegister(operand);
    if (!RegisterExt.isGPR(register) || RegisterExt.size(register) !== QWORD) return null;
    return registerNumber(iced, register);
  };
  switch (instruction.mnemonic) {
    case Mnemonic.Push:
    case Mnemonic.Pop: {
      const register = whole(0);
      const direction = instruction.mnemonic === Mnemonic.Push ? 'store' : 'load';
      return register === null ? null : { register, direction };
    }
    case Mnemonic.Mov: {
      const isStore = instruction.opKind(0) === OpKind.Memory;
      if (!isStore && instruction.opKind(1) !== OpKind.Memory) return null;
      const register = whole(isStore ? 1 : 0);
      return register === null ? null : { register, direction: isStore ? 'store' : 'load' };
    }
    default:
      return null;
  }
}

function isComparison({ Mnemonic }: Iced, { mnemonic }: IcedInstruction): boolean {
  return mnemonic === Mnemonic.Cmp || mnemonic === Mnemonic.Test;
}

function stackStepOf(iced: Iced, instruction: IcedInstruction, isWritten: boolean): number | null {
  const { Mnemonic, OpKind, Register } = iced;
  if (instruction.isStackInstruction) {
    // What a call pushes, its return takes off.
    const isCall = instruction.mnemonic === Mnemonic.Call;
    return isCall ? 0 : instruction.stackPointerIncrement;
  }
  if (!isWritten) return 0;
  const { mnemonic } = instruction;
  const isPlain = instruction.opCount === 2 && instruction.opKind(1) !== OpKind.Register;
  if (isPlain && (mnemonic === Mnemonic.Add || mnemonic === Mnemonic.Sub)) {
    if (instruction.opKind(1) === OpKind.Memory) return null;
    const constant = Number(BigInt.asIntN(32, instruction.immediate(1)));
    return mnemonic === Mnemonic.Add ? constant : -constant;
  }
  const isOwn =
    instruction.memoryBase === Register.RSP && instruction.memoryIndex === Register.None;
  if (mnemonic === Mnemonic.Lea && isOwn) {
    return Number(BigInt.asIntN(64, instruction.memoryDisplacement));
  }
  return null;
}

function registerNumber({ RegisterExt }: Iced, register: number): number {
  return RegisterExt.number(RegisterExt.fullRegister(register));
}

/** 0 for what is no general register. */
function registerBit(iced: Iced, register: number): RegisterSet {
  const full = iced.RegisterExt.fullRegister(register);
  return iced.RegisterExt.isGPR(full) ? 1 << iced.RegisterExt.number(full) : 0;
}

function isRead({ OpAccess }: Iced, access: number): boolean {
  switch (access) {
    case OpAccess.Read:
    case OpAccess.CondRead:
    case OpAccess.ReadWrite:
    case OpAccess.ReadCondWrite:
      return true;
    default:
      return false;
  }
}

function isWrite({ OpAccess }: Iced, access: number): boolean {
  switch (access) {
    case OpAccess.Write:
    case OpAccess.CondWrite:
    case OpAccess.ReadWrite:
    case OpAccess.ReadCondWrite:
      return true;
    default:
      return false;
  }
}
