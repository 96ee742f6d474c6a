import { type FileTree, ObjectFiles, type SearchPaths, searchPaths } from '../link/index.js';

/** The files that host and modules live among, each opened once. */
export interface System {
  readonly tree: FileTree;
  readonly files: ObjectFiles;
  readonly paths: SearchPaths;
  /** QEMU_MODULE_DIR of a process; null where it is not set. */
  readonly moduleFolder: string | null;
}

/** `env` is the environment of a process that runs there; only what changes where files are found counts. */
export function systemOf(tree: FileTree, env: ReadonlyMap<string, string> = new Map()): System {
  const libraryPath = (env.get('LD_LIBRARY_PATH') ?? '').split(/[:;]/).filter((one) => one !== '');
  return {
    tree,
    files: new ObjectFiles(tree),
    paths: searchPaths(tree, libraryPath),
    moduleFolder: env.get('QEMU_MODULE_DIR') ?? null,
  };
}
