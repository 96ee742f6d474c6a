export {
  type FileMode,
  flushFolder,
  isDraft,
  NotFlushed,
  placeFile,
  writeDurably,
} from './durable-file.js';
export { isLock, type LockOptions, withLock } from './lock.js';
export { codeOf, reasonOf } from './system-error.js';
export { makeTrusted, readOwn, readRegular, requireTrusted } from './trusted.js';
