export { type Disassembler, loadDisassembler, MAX_DECODED_BYTES } from './disassembler.js';
export {
  type AddressField,
  branchesInto,
  type Flow,
  type Instruction,
  instructionAt,
} from './instruction.js';
export { mayJumpInto } from './jump-scan.js';
export { type MemoryReader, runStraightLine, type StraightRun } from './straight-line.js';
