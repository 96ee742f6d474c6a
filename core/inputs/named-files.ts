import { dirname, join } from 'node:path';
import { type Finding, XspliceError } from '../findings/index.js';
import { type Entry, entriesOf } from './entries.js';
import { linkTarget, realPath, statOf, statOrNull } from './path.js';
import { filesMatching, isPattern, MAX_DEPTH, MAX_ENTRIES, mayBeFile } from './pattern.js';

/** Which files a path stands for. */
export interface PathOptions {
  /** True: folders are descended into, and what is no path may be a pattern. */
  readonly deep?: boolean;
  /** Called before each file is read: how many were, and how many there are. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A file that was named, or is in a folder that was. */
export interface NamedFile {
  readonly path: string;
  /** True where it was seen to be a regular file; else whoever opens it has to look first. */
  readonly isFile: boolean;
  /** Where it is in a folder that was named, the folder; else null. */
  readonly folder: string | null;
}

/** Files by the paths that stand for them, each once, and what is wrong with the paths that stand for none. */
export interface NamedFiles {
  readonly files: readonly NamedFile[];
  readonly findings: readonly Finding[];
}

const PAYLOAD_SUFFIX = '.livepatch';

/**
 * The files that paths stand for. A directory stands for its `*.livepatch` files, in the order of their names;
 * those in its directories count only with `deep`. A file that is named in several ways (`a`, `./a`, a link to it)
 * is one, as it was named first. A path that leads nowhere, or cannot be read, does not keep the others from it.
 *
 * Fails with `too-many-files` above the limit.
 */
export function namedFiles(
  paths: readonly string[],
  { deep = false }: PathOptions,
  limit: number,
): NamedFiles {
  const files: NamedFile[] = [];
  const findings: Finding[] = [];
  const identify = identifier();
  const seen = new Set<string>();
  const report = (path: string, read: () => void) => orFinding(path, read, findings);
  for (const path of paths) {
    report(path, () => {
      const found = deep ? expandDeep(path, report) : expand(path);
      if (paths.length === 1 && found.every(({ isFile }) => isFile)) {
        // Of one folder, without links: none of them twice.
        for (const file of found) files.push(file);
        return;
      }
      for (const file of found) {
        const identity = identify(file);
        if (seen.has(identity)) continue;
        seen.add(identity);
        files.push(file);
      }
    });
    if (files.length > limit) {
      throw new XspliceError('too-many-files', `More than ${limit} payloads were given`);
    }
  }
  return { files, findings };
}

/** Does what may turn out not to be possible, which becomes a finding on that path. */
export function orFinding(path: string, read: () => void, findings: Finding[]): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof XspliceError) || error.code === 'too-many-files') throw error;
    const { code, message, hint } = error;
    findings.push({ code, severity: 'error', message, hint, file: path });
  }
}

/** What tells files apart however they are named. Each folder is looked at once; so are the links in it. */
function identifier(): (file: NamedFile) => string {
  const folders = new Map<string, string>();
  return ({ path, isFile, folder: known }) => {
    if (!isFile && linkTarget(path) !== null) return realPath(path);
    const folder = known ?? dirname(path);
    const real = folders.get(folder) ?? realPath(folder);
    folders.set(folder, real);
    return `${real}/${path.slice(path.lastIndexOf('/') + 1)}`;
  };
}

function expand(path: string): readonly NamedFile[] {
  if (!statOf(path).isDirectory()) return [{ path, isFile: false, folder: null }];
  const files = payloadsIn(path, entriesOf(path));
  if (files.length === 0) throw noPayloads(`${path} holds no *${PAYLOAD_SUFFIX} file`);
  return files;
}

/** A directory's payloads and those of all below it; or what matches a pattern. */
function expandDeep(
  path: string,
  report: (path: string, read: () => void) => void,
): readonly NamedFile[] {
  const stats = statOrNull(path);
  if (stats !== null && !stats.isDirectory()) return [{ path, isFile: false, folder: null }];
  if (stats === null && (!isPattern(path) || linkTarget(path) !== null)) statOf(path);
  if (stats === null) {
    const found = filesMatching('.', path).map((file) => ({
      path: file,
      isFile: false,
      folder: null,
    }));
    if (found.length === 0) throw noPayloads(`Nothing matches ${path}`);
    return found;
  }
  const found: NamedFile[] = [];
  let unread = 0;
  let looked = 0;
  const look = (folder: string, depth: number): void => {
    const entries = entriesOf(folder);
    looked += entries.length;
    if (looked > MAX_ENTRIES) {
      throw new XspliceError('too-many-files', `${path} holds more than ${MAX_ENTRIES} files`);
    }
    const shown = entries.filter(({ name }) => !name.startsWith('.'));
    for (const file of payloadsIn(folder, shown)) found.push(file);
    for (const { name, kind } of entries) {
      if (kind !== 'folder' || name.startsWith('.') || name === 'node_modules') continue;
      if (depth >= MAX_DEPTH) continue;
      const below = join(folder, name);
      unread++;
      report(below, () => {
        look(below, depth + 1);
        unread--;
      });
    }
  };
  look(path, 0);
  if (found.length > 0 || unread > 0) return found;
  throw noPayloads(`${path} holds no *${PAYLOAD_SUFFIX} file`);
}

function payloadsIn(folder: string, entries: readonly Entry[]): readonly NamedFile[] {
  const start = join(folder, '/');
  const files: NamedFile[] = [];
  for (const entry of entries) {
    if (!entry.name.endsWith(PAYLOAD_SUFFIX)) continue;
    const path = start === './' ? entry.name : `${start}${entry.name}`;
    if (mayBeFile(entry, path)) files.push({ path, isFile: entry.kind === 'file', folder });
  }
  return files;
}

function noPayloads(message: string): XspliceError {
  return new XspliceError('no-payloads', message, {
    hint: 'Name the files themselves if they are called otherwise.',
  });
}
