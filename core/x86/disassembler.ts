import { XspliceError } from '../findings/index.js';
import { type Iced, loadIced } from './iced.js';
import type { AddressField, Flow, Instruction } from './instruction.js';

/** Decodes x86-64 code. Records are plain values: nothing of them has to be freed. */
export interface Disassembler {
  /**
   * Decodes bytes from the first to the last, one instruction behind the other. What does not decode
   * becomes an `invalid` record of one byte, an instruction that the bytes end in a `truncated` one, so
   * that the lengths always add up. Fails with `code-too-long` beyond MAX_DECODED_BYTES.
   */
  decodeFunction(bytes: Uint8Array, address: bigint): readonly Instruction[];
  /** The instruction in AT&T syntax; RIP-relative operands are shown as the address they refer to. */
  format(instruction: Instruction): string;
  /**
   * What is done with the memory that a RIP-relative operand refers to; null without such an operand.
   * `address`: nothing here, but its address is taken (lea), and anything may be done with that.
   */
  ripAccess(instruction: Instruction): 'read' | 'write' | 'address' | null;
}

/** Ours: as much as the largest payload. The largest function of a Xen 4.17 has 30 KiB. */
export const MAX_DECODED_BYTES = 2 * 1024 * 1024;

type IcedInstruction = InstanceType<Iced['Instruction']>;
type IcedDecoder = InstanceType<Iced['Decoder']>;
type IcedFormatter = InstanceType<Iced['Formatter']>;

let loaded: Disassembler | null = null;

/** Loads the disassembler, and with it iced-x86, on first use. */
export function loadDisassembler(): Disassembler {
  loaded ??= createDisassembler(loadIced());
  return loaded;
}

function createDisassembler(iced: Iced): Disassembler {
  // One instruction and one formatter, reused: each is memory of the WebAssembly module.
  const scratch = new iced.Instruction();
  let formatter: IcedFormatter | null = null;
  const flowOf = flowTable(iced);
  return {
    decodeFunction: (bytes, address) => {
      if (bytes.length > MAX_DECODED_BYTES) {
        throw new XspliceError(
          'code-too-long',
          `Expected code of at most ${MAX_DECODED_BYTES} bytes to decode, found ${bytes.length}`,
        );
      }
      const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None);
      try {
        decoder.ip = address;
        return sweep(iced, flowOf, decoder, scratch, bytes, address);
      } finally {
        decoder.free();
      }
    },
    format: (instruction) => {
      const { bytes, flow } = instruction;
      if (flow === 'invalid' || flow === 'truncated') return `(${flow}) ${hex(bytes)}`;
      decodeAgain(iced, scratch, instruction);
      formatter ??= createFormatter(iced);
      return formatter.format(scratch);
    },
    ripAccess: (instruction) => {
      if (instruction.ripTarget === null) return null;
      decodeAgain(iced, scratch, instruction);
      return memoryAccess(iced, scratch);
    },
  };
}

function createFormatter(iced: Iced): IcedFormatter {
  const formatter = new iced.Formatter(iced.FormatterSyntax.Gas);
  formatter.uppercaseHex = false;
  formatter.gasSpaceAfterMemoryOperandComma = false;
  formatter.spaceAfterOperandSeparator = true;
  return formatter;
}

/** Records are not kept as the decoder's own objects, which would have to be freed. */
function decodeAgain(iced: Iced, scratch: IcedInstruction, { bytes, address }: Instruction): void {
  const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None);
  try {
    decoder.ip = address;
    decoder.decodeOut(scratch);
  } finally {
    decoder.free();
  }
}

function memoryAccess(iced: Iced, instruction: IcedInstruction): 'read' | 'write' | 'address' {
  const { OpAccess, OpKind } = iced;
  const factory = new iced.InstructionInfoFactory();
  const info = factory.info(instruction);
  try {
    for (let operand = 0; operand < instruction.opCount; operand++) {
      if (instruction.opKind(operand) !== OpKind.Memory) continue;
      const access = info.opAccess(operand);
      if (access === OpAccess.NoMemAccess) return 'address';
      if (access !== OpAccess.Read && access !== OpAccess.CondRead) return 'write';
    }
    return 'read';
  } finally {
    info.free();
    factory.free();
  }
}

function sweep(
  iced: Iced,
  flowOf: readonly Flow[],
  decoder: IcedDecoder,
  scratch: IcedInstruction,
  bytes: Uint8Array,
  address: bigint,
): readonly Instruction[] {
  const found: Instruction[] = [];
  // Every turn consumes at least one byte.
  for (let at = 0; at < bytes.length; ) {
    decoder.decodeOut(scratch);
    const here = address + BigInt(at);
    if (scratch.code === iced.Code.INVALID) {
      const isCut = decoder.lastError === iced.DecoderError.NoMoreBytes;
      const length = isCut ? bytes.length - at : 1;
      found.push(undecoded(isCut ? 'truncated' : 'invalid', here, bytes.subarray(at, at + length)));
      at += length;
      decoder.position = at;
      decoder.ip = address + BigInt(at);
      continue;
    }
    const { length } = scratch;
    found.push(record(iced, flowOf, decoder, scratch, here, bytes.subarray(at, at + length)));
    at += length;
  }
  return found;
}

function undecoded(flow: 'invalid' | 'truncated', address: bigint, bytes: Uint8Array): Instruction {
  return {
    address,
    length: bytes.length,
    bytes,
    flow,
    target: null,
    ripTarget: null,
    immediate64: null,
    addressFields: NO_FIELDS,
  };
}

const NO_FIELDS: readonly AddressField[] = [];

function record(
  iced: Iced,
  flowOf: readonly Flow[],
  decoder: IcedDecoder,
  instruction: IcedInstruction,
  address: bigint,
  bytes: Uint8Array,
): Instruction {
  const isBranch = instruction.op0Kind === iced.OpKind.NearBranch64;
  const isRipRelative = instruction.isIpRelMemoryOperand;
  // Only `mov $imm64, %reg` has one, as its second operand.
  const hasImmediate64 = instruction.op1Kind === iced.OpKind.Immediate64;
  return {
    address,
    length: bytes.length,
    bytes,
    flow: flowOfRecord(flowOf[instruction.flowControl] ?? 'next', isBranch, bytes),
    target: isBranch ? instruction.nearBranchTarget : null,
    ripTarget: isRipRelative ? instruction.ipRelMemoryAddress : null,
    immediate64: hasImmediate64 ? instruction.immediate64 : null,
    addressFields:
      isBranch || isRipRelative || hasImmediate64
        ? addressFields(decoder, instruction, isBranch, isRipRelative)
        : NO_FIELDS,
  };
}

const INT3 = 0xcc;

/** What iced groups otherwise: xbegin branches, syscall and vmlaunch call nothing, int3 is int's kin. */
function flowOfRecord(listed: Flow, isBranch: boolean, bytes: Uint8Array): Flow {
  if (isBranch && listed === 'next') return 'conditional';
  if (!isBranch && listed === 'call') return 'next';
  return bytes.length === 1 && bytes[0] === INT3 ? 'trap' : listed;
}

function addressFields(
  decoder: IcedDecoder,
  instruction: IcedInstruction,
  isBranch: boolean,
  isRipRelative: boolean,
): readonly AddressField[] {
  const constants = decoder.getConstantOffsets(instruction);
  try {
    if (!isRipRelative) {
      return [
        {
          kind: isBranch ? 'branch' : 'absolute',
          offset: constants.immediateOffset,
          sizeBytes: constants.immediateSize,
        },
      ];
    }
    return [
      {
        kind: 'rip',
        offset: constants.displacementOffset,
        sizeBytes: constants.displacementSize,
      },
    ];
  } finally {
    constants.free();
  }
}

/** iced's FlowControl, by its number, in our words. */
function flowTable({ FlowControl }: Iced): readonly Flow[] {
  const table: Flow[] = [];
  table[FlowControl.Next] = 'next';
  table[FlowControl.UnconditionalBranch] = 'jump';
  table[FlowControl.IndirectBranch] = 'indirect-jump';
  table[FlowControl.ConditionalBranch] = 'conditional';
  table[FlowControl.Return] = 'return';
  table[FlowControl.Call] = 'call';
  table[FlowControl.IndirectCall] = 'indirect-call';
  table[FlowControl.Interrupt] = 'next';
  table[FlowControl.XbeginXabortXend] = 'next';
  table[FlowControl.Exception] = 'trap';
  return table;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
