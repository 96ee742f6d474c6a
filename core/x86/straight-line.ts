import { type Iced, loadIced } from './iced.js';

/** What code found before it ran, by address: null where there is no memory. */
export type MemoryReader = (address: bigint) => number | null;

/** How a run of code ended. */
export type StraightRun =
  | {
      readonly kind: 'returned';
      /** RAX; null where nothing is known of it. */
      readonly result: bigint | null;
      /** Memory afterwards. */
      readonly memory: MemoryReader;
    }
  /** Something that is not followed: `why` says what, with its address. */
  | { readonly kind: 'lost'; readonly why: string };

type IcedInstruction = InstanceType<Iced['Instruction']>;

/** Ours: functions of this kind have some thirty instructions. */
const MAX_INSTRUCTIONS = 512;
const MASK_64 = (1n << 64n) - 1n;
const LOW_64 = MASK_64;

/**
 * Runs code that only moves values: no branch, no call, no arithmetic but additions of constants. Compilers
 * make such code of functions that fill in a structure and return its address. Whatever else it meets, it
 * stops: nothing is assumed.
 */
export function runStraightLine(
  code: Uint8Array,
  address: bigint,
  before: MemoryReader,
): StraightRun {
  const iced = loadIced();
  const decoder = new iced.Decoder(64, code, iced.DecoderOptions.None);
  const instruction = new iced.Instruction();
  try {
    decoder.ip = address;
    const machine = new Machine(iced, before);
    for (let count = 0; count < MAX_INSTRUCTIONS && decoder.canDecode; count++) {
      decoder.decodeOut(instruction);
      if (instruction.mnemonic === iced.Mnemonic.Ret) return machine.returned();
      const why = machine.step(instruction);
      if (why !== null) return { kind: 'lost', why: `${why} at 0x${instruction.ip.toString(16)}` };
    }
    return { kind: 'lost', why: 'no return' };
  } finally {
    instruction.free();
    decoder.free();
  }
}

/** An operand: where it is read from and written to. */
type Place =
  | { readonly kind: 'register'; readonly register: number; readonly sizeBytes: number }
  | { readonly kind: 'memory'; readonly address: bigint }
  | { readonly kind: 'value'; readonly value: bigint };

class Machine {
  readonly #iced: Iced;
  readonly #before: MemoryReader;
  readonly #written = new Map<bigint, number>();
  /** By the widest register of each kind; what is not in it is not known. */
  readonly #registers = new Map<number, bigint>();
  readonly #stack: (bigint | undefined)[] = [];
  readonly #moves: ReadonlyMap<number, number | null>;

  constructor(iced: Iced, before: MemoryReader) {
    this.#iced = iced;
    this.#before = before;
    this.#moves = moves(iced);
  }

  returned(): StraightRun {
    const result = this.#registers.get(this.#iced.Register.RAX) ?? null;
    return { kind: 'returned', result, memory: (address) => this.#byteAt(address) };
  }

  /** Null where the instruction was followed, else what is wrong with it. */
  step(instruction: IcedInstruction): string | null {
    const { Mnemonic } = this.#iced;
    const { mnemonic } = instruction;
    switch (mnemonic) {
      case Mnemonic.Endbr64:
      case Mnemonic.Nop:
        return null;
      case Mnemonic.Push:
        return this.#push(instruction);
      case Mnemonic.Pop:
        return this.#pop(instruction);
      case Mnemonic.Lea:
        return this.#loadAddress(instruction);
      case Mnemonic.Add:
      case Mnemonic.Sub:
        return this.#add(instruction, mnemonic === Mnemonic.Add ? 1n : -1n);
      case Mnemonic.Xor:
      case Mnemonic.Pxor:
      case Mnemonic.Xorps:
        return this.#clear(instruction);
      case Mnemonic.Movhps:
      case Mnemonic.Movhpd:
      case Mnemonic.Punpcklqdq:
      case Mnemonic.Movlhps:
      case Mnemonic.Pinsrq:
        return this.#insertHigh(instruction);
    }
    const width = this.#moves.get(mnemonic);
    return width === undefined
      ? 'an instruction that is not followed'
      : this.#move(instruction, width);
  }

  /** `width` is null where the operands say it. */
  #move(instruction: IcedInstruction, width: number | null): string | null {
    const [to, from] = [this.#place(instruction, 0), this.#place(instruction, 1)];
    if (typeof to === 'string') return to;
    if (typeof from === 'string') return from;
    const size = width ?? sizeOf(to) ?? sizeOf(from) ?? this.#memorySize(instruction);
    const value = this.#read(from, size);
    if (value === null) return 'a value that is not known';
    return this.#write(to, value, size);
  }

  /** The upper half of a wide register; its lower half stays. */
  #insertHigh(instruction: IcedInstruction): string | null {
    const { Mnemonic } = this.#iced;
    const [to, from] = [this.#place(instruction, 0), this.#place(instruction, 1)];
    if (typeof to === 'string') return to;
    if (typeof from === 'string') return from;
    // Only the upper half of pinsrq is the second one, and movhps to memory writes no register.
    const isUpper = instruction.mnemonic !== Mnemonic.Pinsrq || instruction.immediate(2) === 1n;
    if (to.kind !== 'register' || !isUpper) return 'an instruction that is not followed';
    const low = this.#registers.get(to.register);
    const high = this.#read(from, 8);
    if (low === undefined || high === null) return 'a value that is not known';
    this.#registers.set(to.register, (low & LOW_64) | (high << 64n));
    return null;
  }

  #loadAddress(instruction: IcedInstruction): string | null {
    const to = this.#place(instruction, 0);
    const from = this.#place(instruction, 1);
    if (typeof to === 'string') return to;
    if (typeof from === 'string') return from;
    if (from.kind !== 'memory') return 'an address that is not known';
    return this.#write(to, from.address, sizeOf(to) ?? 8);
  }

  #add(instruction: IcedInstruction, sign: bigint): string | null {
    const { Register } = this.#iced;
    const [to, from] = [this.#place(instruction, 0), this.#place(instruction, 1)];
    if (typeof to === 'string') return to;
    if (typeof from === 'string') return from;
    if (to.kind !== 'register' || from.kind !== 'value')
      return 'an instruction that is not followed';
    // Room on the stack: nothing there is followed.
    if (to.register === Register.RSP) return null;
    const value = this.#read(to, to.sizeBytes);
    if (value === null) return 'a value that is not known';
    return this.#write(to, value + sign * from.value, to.sizeBytes);
  }

  /** A register combined with itself is zero. */
  #clear(instruction: IcedInstruction): string | null {
    const [to, from] = [this.#place(instruction, 0), this.#place(instruction, 1)];
    if (typeof to === 'string') return to;
    if (typeof from === 'string') return from;
    const isSame =
      to.kind === 'register' && from.kind === 'register' && to.register === from.register;
    if (!isSame || to.kind !== 'register') return 'an instruction that is not followed';
    this.#registers.set(to.register, 0n);
    return null;
  }

  #push(instruction: IcedInstruction): string | null {
    const from = this.#place(instruction, 0);
    if (typeof from === 'string') return from;
    this.#stack.push(this.#read(from, 8) ?? undefined);
    return null;
  }

  #pop(instruction: IcedInstruction): string | null {
    const to = this.#place(instruction, 0);
    if (typeof to === 'string') return to;
    if (to.kind !== 'register' || this.#stack.length === 0) return 'a value that is not known';
    const value = this.#stack.pop();
    if (value === undefined) this.#registers.delete(to.register);
    else this.#registers.set(to.register, value);
    return null;
  }

  /** Text where it cannot be told which place is meant. */
  #place(instruction: IcedInstruction, operand: number): Place | string {
    const { OpKind, Register, RegisterExt } = this.#iced;
    if (operand >= instruction.opCount) return 'an instruction that is not followed';
    const kind = instruction.opKind(operand);
    if (kind === OpKind.Register) {
      const register = instruction.opRegister(operand);
      const sizeBytes = RegisterExt.size(register);
      const isWhole = sizeBytes === 4 || sizeBytes === 8 || sizeBytes === 16;
      if (!isWhole) return 'a register that is not followed';
      return { kind: 'register', register: RegisterExt.fullRegister(register), sizeBytes };
    }
    if (kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64) {
      return { kind: 'value', value: instruction.immediate(operand) };
    }
    if (kind !== OpKind.Memory) return 'an operand that is not followed';
    if (instruction.segmentPrefix !== Register.None) return 'an address that is not known';
    if (instruction.isIpRelMemoryOperand) {
      return { kind: 'memory', address: instruction.ipRelMemoryAddress };
    }
    const base = this.#registers.get(RegisterExt.fullRegister(instruction.memoryBase));
    if (base === undefined || instruction.memoryIndex !== Register.None) {
      return 'an address that is not known';
    }
    return { kind: 'memory', address: (base + instruction.memoryDisplacement) & MASK_64 };
  }

  #memorySize(instruction: IcedInstruction): number {
    return this.#iced.MemorySizeExt.size(instruction.memorySize);
  }

  #read(place: Place, size: number): bigint | null {
    const mask = (1n << BigInt(size * 8)) - 1n;
    switch (place.kind) {
      case 'value':
        return place.value & mask;
      case 'register': {
        const value = this.#registers.get(place.register);
        return value === undefined ? null : value & mask;
      }
      case 'memory': {
        let value = 0n;
        for (let at = size - 1; at >= 0; at--) {
          const byte = this.#byteAt(place.address + BigInt(at));
          if (byte === null) return null;
          value = (value << 8n) | BigInt(byte);
        }
        return value;
      }
    }
  }

  /** Registers that are not written whole lose their upper part, as those of 32 bits and of SSE moves do. */
  #write(place: Place, value: bigint, size: number): string | null {
    const mask = (1n << BigInt(size * 8)) - 1n;
    if (place.kind === 'value') return 'an instruction that is not followed';
    if (place.kind === 'register') {
      this.#registers.set(place.register, value & mask);
      return null;
    }
    for (let at = 0; at < size; at++) {
      const address = place.address + BigInt(at);
      if (this.#before(address) === null) return 'a write outside of memory';
      this.#written.set(address, Number((value >> BigInt(at * 8)) & 0xffn));
    }
    return null;
  }

  #byteAt(address: bigint): number | null {
    return this.#written.get(address) ?? this.#before(address);
  }
}

function sizeOf(place: Place): number | null {
  return place.kind === 'register' ? place.sizeBytes : null;
}

/** Instructions that copy, with the bytes that they copy; null where their operands say it. */
function moves({ Mnemonic }: Iced): ReadonlyMap<number, number | null> {
  return new Map<number, number | null>([
    [Mnemonic.Mov, null],
    [Mnemonic.Movq, 8],
    [Mnemonic.Movd, 4],
    [Mnemonic.Movaps, 16],
    [Mnemonic.Movapd, 16],
    [Mnemonic.Movups, 16],
    [Mnemonic.Movupd, 16],
    [Mnemonic.Movdqa, 16],
    [Mnemonic.Movdqu, 16],
  ]);
}
