export { metadataEntry } from './metadata.js';
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
export { MAX_READABLE_SIZE, readPayload } from './read.js';
