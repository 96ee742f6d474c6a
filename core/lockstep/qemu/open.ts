import { openLibrary, type Process, withGlobal } from '../../link/index.js';
import type { LockstepVerdict } from '../verdict.js';
import type { QemuHost } from './host.js';
import { loadModule, type ModuleOpener, type OpenedModule } from './load.js';
import { qemuModuleOf } from './module.js';

/** A program of QEMU that has started. */
export interface QemuProcess {
  readonly host: QemuHost;
  readonly process: Process;
}

/**
 * What this QEMU does with the module of that file. Modules that it builds on come from the file's own
 * folder, then from `folders`.
 */
export function judgeQemuModule(
  { host, process }: QemuProcess,
  path: string,
  folders: readonly string[],
): LockstepVerdict {
  return loadModule(host, path, moduleOpener({ host, process }, path, folders));
}

/** Opens the files of a process; what is opened for all stays in it. See judgeQemuModule. */
export function moduleOpener(
  { host, process }: QemuProcess,
  path: string,
  others: readonly string[],
): ModuleOpener {
  const folders = [path.slice(0, path.lastIndexOf('/')), ...others];
  let here = process;
  return {
    find: (name) =>
      folders
        .map((folder) => `${folder}/${name}.so`)
        .find((path) => process.files.at(path) !== null) ?? null,
    open: (path, isGlobal): OpenedModule => {
      const file = process.files.at(path);
      if (file === null) {
        const text = `${path}: cannot open shared object file: No such file or directory`;
        const failure = { kind: 'missing', name: path, text } as const;
        return { kind: 'failed', failure, isOfBuild: false };
      }
      const opened = openLibrary(here, file, path);
      if (opened.kind === 'failed') {
        const isOfBuild = file.kind === 'object' && file.object.definitions.has(host.stamp);
        return { kind: 'failed', failure: opened.failure, isOfBuild };
      }
      if (isGlobal) here = withGlobal(here, opened);
      return { kind: 'opened', scope: opened.scope.map(({ object }) => qemuModuleOf(object)) };
    },
  };
}
