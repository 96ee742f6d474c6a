/**
 * Payload files and hypervisor images, read. Names, metadata and symbols come from the file: escape them before
 * they reach a terminal.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { readPayload } from 'xsplice-ts/payload';
 *
 * const payload = readPayload(readFileSync('patches/hello.livepatch'), 'hello.livepatch');
 * for (const { name, newSize } of payload.functions) console.log(name, newSize);
 * ```
 *
 * @packageDocumentation
 */
export { type HypervisorImage, readImage } from '../image/index.js';
export { openImage, type PayloadFiles, readImageFile, readPayloadFiles } from '../inputs/index.js';
export {
  type InputFile,
  inputFile,
  type Payload,
  type PayloadFunction,
  type PayloadId,
  type PayloadInput,
  readPayload,
  readPayloadInputs,
} from '../payload/index.js';
