export { type FileTree, type ObjectFile, ObjectFiles, objectFile } from './files.js';
export type { Loaded, LoadFailure } from './graph.js';
export type { Definition, LinkObject, Want } from './object.js';
export { type Opened, openObject } from './open.js';
export {
  type DlOpened,
  type LinkFailure,
  openLibrary,
  type Process,
  type Started,
  startProcess,
  withGlobal,
} from './process.js';
export { type SearchPaths, searchPaths } from './search.js';
