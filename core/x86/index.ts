export { type Disassembler, loadDisassembler, MAX_DECODED_BYTES } from './disassembler.js';
export {
  ARGUMENT_REGISTERS,
  CALL_CLOBBERED,
  type Effects,
  effectsOf,
  type MemoryEffect,
  passable,
  RAX_BIT,
  type RegisterSet,
  RSP,
} from './effects.js';
export {
  type AddressField,
  branchesInto,
  type Flow,
  type Instruction,
  instructionAt,
} from './instruction.js';
export { mayJumpInto } from './jump-scan.js';
export { type MemoryReader, runStraightLine, type StraightRun } from './straight-line.js';
