export { type FilePart, type HeadIds, MAX_HEAD_PART, type ReadPart, readHead } from './head.js';
export { contentsOf, type InputFile, inputFile, sha256Of } from './input-file.js';
export type {
  Expectation,
  MetadataEntry,
  Payload,
  PayloadFunction,
  PayloadHook,
  PayloadId,
  Pointer,
  RelocationCount,
} from './payload.js';
export { idOrNull } from './payload.js';
export { type ChainMember, type PlanPayload, planPayloadOf } from './plan-payload.js';
export { MAX_READABLE_SIZE, readPayload } from './read.js';
export {
  findingsOf,
  type PayloadInput,
  type ReadInputs,
  readInputs,
  readPayloadInputs,
} from './read-inputs.js';
