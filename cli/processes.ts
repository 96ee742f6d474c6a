import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { codeOf } from '../core/files/index.js';
import { XspliceError } from '../core/findings/index.js';
import { type FileTree, objectFile } from '../core/link/index.js';
import { RootedTree, readWhole } from './file-tree.js';

/** A process that runs a program, and its files as it sees them. */
export interface RunningProcess {
  readonly pid: number;
  /** Path of its program, in its own root. */
  readonly path: string;
  /** The program was replaced or removed since. */
  readonly isReplaced: boolean;
  /** Its root, with the files in it that it has mapped and that are gone from disk. */
  readonly tree: FileTree;
  /** Its environment, as it was started. */
  readonly env: ReadonlyMap<string, string>;
  /** Files that it has mapped, that are gone from disk, and that this user may not read. */
  readonly unreadable: readonly string[];
}

const DELETED = ' (deleted)';
/** Ours: lines of a map that are looked at; a QEMU has some thousand. */
const MAX_MAPPINGS = 1 << 16;
const MAX_SETTINGS = 1 << 16;

/** Numbers of the processes whose program has such a name, in their order. */
export function processesCalled(name: RegExp, proc = '/proc'): readonly number[] {
  return readdirSync(proc)
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => name.test(nameOf(pid, proc)))
    .sort((a, b) => a - b);
}

function isRunning(pid: number, proc: string): boolean {
  return existsSync(`${proc}/${pid}/comm`);
}

/** Of the program; of a process that may not be read, what it calls itself. Empty where it is gone. */
function nameOf(pid: number, proc: string): string {
  try {
    return posix.basename(programOf(pid, proc).path);
  } catch {
    try {
      return readFileSync(`${proc}/${pid}/comm`, 'latin1').trim();
    } catch {
      return '';
    }
  }
}

/** The path of the program that a process runs, and whether it is gone. Fails as openProcess does. */
function programOf(
  pid: number,
  proc: string,
): { readonly path: string; readonly isReplaced: boolean } {
  try {
    const link = inItsRoot(readlinkSync(`${proc}/${pid}/exe`), pid, proc);
    const isReplaced = link.endsWith(DELETED);
    const path = isReplaced ? link.slice(0, -DELETED.length) : link;
    return { path: path.replace(/\.dpkg-(?:tmp|old)$/, ''), isReplaced };
  } catch (cause) {
    throw processError(pid, cause);
  }
}

/** A path as the kernel tells it to us, without the root of a process that was put into a folder. */
function inItsRoot(path: string, pid: number, proc: string): string {
  const root = readlinkSync(`${proc}/${pid}/root`);
  return root !== '/' && path.startsWith(`${root}/`) ? path.slice(root.length) : path;
}

function environmentOf(pid: number, proc: string): ReadonlyMap<string, string> {
  const entries = readFileSync(`${proc}/${pid}/environ`, 'latin1').split('\0', MAX_SETTINGS);
  return new Map(
    entries.flatMap((entry) => {
      const at = entry.indexOf('=');
      return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)] as const] : [];
    }),
  );
}

/**
 * Opens a process. Fails with `lockstep-no-process`, `lockstep-process-gone` where it ends meanwhile, or
 * `lockstep-process-unreadable`.
 */
export function openProcess(pid: number, proc = '/proc'): RunningProcess {
  const { path, isReplaced } = programOf(pid, proc);
  const kept = new Map<string, string>();
  const unreadable: string[] = [];
  try {
    // The link is followed by the kernel to the very file that runs, on disk or not.
    kept.set(path, `${proc}/${pid}/exe`);
    const root = new RootedTree(`${proc}/${pid}/root`);
    if (root.list('/').length === 0) throw Object.assign(new Error(), { code: 'EACCES' });
    const tree = new ProcessTree(root, kept);
    for (const { range, file } of goneMappings(pid, proc)) {
      if (file === path) continue;
      const place = `${proc}/${pid}/map_files/${range}`;
      if (!tree.keep(file, place)) unreadable.push(file);
    }
    return { pid, path, isReplaced, tree, env: environmentOf(pid, proc), unreadable };
  } catch (cause) {
    throw processError(pid, cause);
  }
}

/** Reads something of a process. Fails with `lockstep-process-gone` where that fails and the process has ended meanwhile. */
export function whileItRuns<T>(pid: number, read: () => T, proc = '/proc'): T {
  try {
    return read();
  } catch (error) {
    const isUnread = error instanceof XspliceError && error.code === 'file-not-readable';
    throw isUnread && !isRunning(pid, proc) ? processGone(pid, error) : error;
  }
}

/** Files that are mapped and are gone from disk, each once, with the range under which they can be read. */
function goneMappings(
  pid: number,
  proc: string,
): readonly { readonly range: string; readonly file: string }[] {
  const found = new Map<string, string>();
  const lines = readFileSync(`${proc}/${pid}/maps`, 'latin1').split('\n', MAX_MAPPINGS);
  for (const line of lines) {
    const [, range = '', file] = /^(\S+) \S+ \S+ \S+ \d+\s+(\/.*)$/.exec(line) ?? [];
    if (file === undefined || !file.endsWith(DELETED) || !/\.so[.\d]*/.test(file)) continue;
    const name = inItsRoot(file.slice(0, -DELETED.length), pid, proc);
    if (!found.has(name)) found.set(name, range);
  }
  return [...found].map(([file, range]) => ({ file, range }));
}

/**
 * What a process would find: a library that it has already is found again by its SONAME, whatever lies on
 * disk under that name now.
 */
class ProcessTree implements FileTree {
  readonly #root: RootedTree;
  /** Places of kept files, by their path. */
  readonly #kept: Map<string, string>;
  readonly #bySoname = new Map<string, string>();

  constructor(root: RootedTree, kept: Map<string, string>) {
    this.#root = root;
    this.#kept = kept;
  }

  /** False where the file cannot be read. */
  keep(file: string, place: string): boolean {
    try {
      const opened = objectFile(file, readWhole(place));
      this.#kept.set(file, place);
      const soname = opened.kind === 'object' ? opened.object.soname : null;
      if (soname !== null) this.#bySoname.set(soname, file);
      return true;
    } catch (error) {
      if (error instanceof XspliceError) return false;
      throw error;
    }
  }

  real(path: string): string | null {
    const clean = posix.normalize(path);
    if (this.#kept.has(clean)) return clean;
    const bySoname = this.#bySoname.get(posix.basename(clean));
    return bySoname ?? this.#root.real(path);
  }

  read(real: string): Uint8Array {
    const place = this.#kept.get(real);
    return place === undefined ? this.#root.read(real) : readWhole(place);
  }

  list(path: string): readonly string[] {
    return this.#root.list(path);
  }
}

function noProcess(pid: number): XspliceError {
  return new XspliceError('lockstep-no-process', `There is no process ${pid} that runs a file`);
}

function processGone(pid: number, cause: unknown): XspliceError {
  return new XspliceError('lockstep-process-gone', `Process ${pid} ended while it was read`, {
    cause,
  });
}

function processError(pid: number, cause: unknown): unknown {
  const code = codeOf(cause instanceof XspliceError ? cause.cause : cause);
  if (code === 'EACCES' || code === 'EPERM') {
    return new XspliceError(
      'lockstep-process-unreadable',
      `What process ${pid} runs may not be read by this user`,
      { cause },
    );
  }
  if (code === 'ENOENT') return noProcess(pid);
  if (code === 'ESRCH') {
    return processGone(pid, cause);
  }
  return cause;
}
