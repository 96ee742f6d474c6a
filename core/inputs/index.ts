export { openImage, readImageFile } from './image-file.js';
export type { PathOptions } from './named-files.js';
export { exists, kindOf, linkTarget, statOf, statOrNull } from './path.js';
export { filesMatching, isPattern, matcher } from './pattern.js';
export { type PayloadFiles, readEveryPayloadFile, readPayloadFiles } from './payload-files.js';
export { type PayloadHeads, readPayloadHeads } from './payload-heads.js';
export { payloadTree } from './payload-tree.js';
export { readRegularFile, readTextFile } from './regular-file.js';
export { type SignatureFile, signaturesBeside } from './signature-files.js';
