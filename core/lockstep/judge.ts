import type { ObjectFile, Process } from '../link/index.js';
import { type HostFacts, type HostKind, readHost } from './host.js';
import { judgeLibrary, type NamedFile, startProgram, stemOf } from './linked/index.js';
import { judgeNbdkitModule, nbdkitFolders } from './nbdkit/index.js';
import { judgeQemuModule, moduleFolders } from './qemu/index.js';
import type { System } from './system.js';
import { ACCEPTED, type LockstepVerdict, undecided } from './verdict.js';

/** A module and what its host does with it. */
export interface ModuleVerdict extends LockstepVerdict {
  /** As it was named. */
  readonly file: string;
  /** The file ends this many bytes before what it says, and can be loaded all the same. */
  readonly missingBytes: number;
}

/** A host that was opened, ready to be asked about modules. Of a linked program, `process` is null where it does not start. */
export interface OpenHost {
  readonly path: string;
  readonly facts: Exclude<HostFacts, { readonly kind: 'xen' }>;
  readonly system: System;
  readonly file: ObjectFile;
  readonly process: Process | null;
  /** What the dynamic linker does with the host itself. */
  readonly start: LockstepVerdict;
}

/** Opens the host at that path of the system; null of a hypervisor. Fails as readHost does. */
export function openLockstepHost(
  system: System,
  path: string,
  kind: HostKind | null = null,
): OpenHost | null {
  const facts = readHost(system, path, kind);
  const file = system.files.at(path);
  if (facts.kind === 'xen' || file === null) return null;
  const { process, verdict: start } = startProgram(system, { file, path });
  return { path, facts, system, file, process, start };
}

/** Folders of modules that the host takes its own from, as far as they are there. */
export function ownFolders({ facts, system }: OpenHost): readonly string[] {
  switch (facts.kind) {
    case 'qemu':
      return moduleFolders(facts, system);
    case 'nbdkit':
      return nbdkitFolders(facts, system.tree);
    case 'linked':
      return [];
  }
}

/** What the host does with each of these files of its system. */
export function judgeModules(host: OpenHost, paths: readonly string[]): readonly ModuleVerdict[] {
  // Each folder is listed once, not for each module.
  const folders = ownFolders(host);
  return paths.map((path) => {
    const file = host.system.files.at(path);
    const missingBytes = file?.kind === 'object' ? file.missingBytes : 0;
    return { ...judgeModule(host, { path, file }, folders), file: path, missingBytes };
  });
}

function judgeModule(
  host: OpenHost,
  { path, file }: { readonly path: string; readonly file: ObjectFile | null },
  folders: readonly string[],
): LockstepVerdict {
  const { facts, system, process, start } = host;
  if (file === null) return undecided('there is no such file');
  if (facts.kind === 'linked') return judgeLinked(host, { path, file });
  if (process === null) {
    return start.outcome === 'undecided' ? start : undecided('the host itself does not start');
  }
  if (facts.kind === 'nbdkit')
    return judgeNbdkitModule({ host: facts, process }, path, system.tree);
  return judgeQemuModule({ host: facts, process }, path, folders);
}

/** Which of the two asks for the other is told by the files: a program, or a library that needs the module. */
function judgeLinked(host: OpenHost, module: NamedFile): LockstepVerdict {
  const { facts, system, file, path } = host;
  if (facts.kind !== 'linked') return ACCEPTED;
  return facts.isProgram || needsIt(file, module)
    ? judgeLibrary(system, { file, path }, module, 'program')
    : judgeLibrary(system, module, { file, path }, 'library');
}

function needsIt(host: ObjectFile, { file, path }: NamedFile): boolean {
  if (host.kind !== 'object') return false;
  const soname = file.kind === 'object' ? file.object.soname : null;
  return host.object.needed.some((name) => stemOf(name) === stemOf(soname ?? path));
}
