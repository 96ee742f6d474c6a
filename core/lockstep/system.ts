import { type FileTree, ObjectFiles, type SearchPaths, searchPaths } from '../link/index.js';

/** The files that host and modules live among, each opened once. */
export interface System {
  readonly tree: FileTree;
  readonly files: ObjectFiles;
  readonly paths: SearchPaths;
}

export function systemOf(tree: FileTree): System {
  return { tree, files: new ObjectFiles(tree), paths: searchPaths(tree) };
}
