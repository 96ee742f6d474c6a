export {
  bytes,
  type Codec,
  type FieldCodecs,
  flag,
  integer,
  isRecord,
  listOf,
  Malformed,
  objectOf,
  oneOf,
  optional,
  orNull,
  parsed,
  text,
  u64,
} from './codec.js';
export {
  type FileMode,
  flushFolder,
  isDraft,
  NotFlushed,
  placeFile,
  writeDurably,
} from './durable-file.js';
export { folderBelow, type KeptFolder, localFolder } from './kept-folder.js';
export { isLock, isLocked, type LockOptions, withLock } from './lock.js';
export { codeOf, reasonOf } from './system-error.js';
export {
  makeTrusted,
  readOwn,
  readRegular,
  requireTrusted,
  requireTrustedPath,
} from './trusted.js';
