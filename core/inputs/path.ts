import { readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { codeOf, reasonOf } from '../files/index.js';
import { alike, didYouMean, XspliceError } from '../findings/index.js';

/** Ours: names in a folder that one which is not there is compared with. */
const MAX_COMPARED_NAMES = 10_000;

/** True where there is something of this name, whatever it is. */
export function exists(path: string): boolean {
  return statOrNull(path) !== null;
}

/** What a path leads to, for people. */
export function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return stats.isCharacterDevice() || stats.isBlockDevice() ? 'a device' : 'not a file';
}

/** What a path leads to. Fails with `file-not-found` and `file-not-readable`. */
export function statOf(path: string): Stats {
  const stats = statOrNull(path);
  if (stats !== null) return stats;
  const leadsTo = linkOf(path);
  throw new XspliceError(
    'file-not-found',
    leadsTo === null
      ? `${path} does not exist`
      : `${path} is a link to ${leadsTo}, which does not exist`,
    leadsTo === null ? hintOf(path) : {},
  );
}

/** Where a link leads; null for anything else. */
function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** Which file may be meant, where one beside it has nearly that name. */
function hintOf(path: string): { readonly hint?: string } {
  let names: readonly string[] = [];
  try {
    names = readdirSync(dirname(path)).slice(0, MAX_COMPARED_NAMES);
  } catch {
    // There is no such folder either, or none that may be read.
  }
  const folder = path.slice(0, path.length - basename(path).length);
  const proposals = alike(basename(path), names).map((name) => `${folder}${name}`);
  return proposals.length === 0 ? {} : { hint: didYouMean(proposals).trim() };
}

/** The same; null where there is nothing. */
export function statOrNull(path: string): Stats | null {
  try {
    return statSync(path);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw notReadable(path, cause);
  }
}

/** Does what may turn out not to be possible. Fails with `file-not-readable` then. */
export function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw notReadable(path, cause);
  }
}

function notReadable(path: string, cause: unknown): XspliceError {
  const code = reasonOf(cause);
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? 'Run it as a user who may read the file.'
      : 'Check the path.';
  return new XspliceError('file-not-readable', `${path} cannot be read: ${code}`, { hint, cause });
}
