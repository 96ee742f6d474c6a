export { formatXensyms } from './format-xensyms.js';
export {
  type HypervisorImage,
  type ImageBuildId,
  type ImageKind,
  MAX_IMAGE_SIZE,
  readImage,
} from './image.js';
export { type MemoryRange, rangeAt, readMemory } from './memory.js';
export {
  createSymbolTable,
  type SymbolOwner,
  type SymbolTable,
  type XenSymbol,
} from './symbol-table.js';
export { readXensyms } from './xensyms.js';
