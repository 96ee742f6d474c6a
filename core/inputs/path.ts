import { readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { onDisk, pathText } from '../abi/raw-path.js';
import { codeOf } from '../files/index.js';
import { alike, didYouMean, XspliceError } from '../findings/index.js';
import { notReadable } from './attempt.js';
import { entriesOf } from './entries.js';

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
  const target = linkTarget(path);
  throw target === null
    ? new XspliceError('file-not-found', `${path} does not exist`, hintOf(path))
    : new XspliceError('file-not-found', `${path} is a link to ${target}, which does not exist`);
}

/** Where a link leads; null for what is none. */
export function linkTarget(path: string): string | null {
  try {
    return pathText(readlinkSync(onDisk(path), 'buffer'));
  } catch {
    return null;
  }
}

/** A path without links; the path itself where it leads nowhere. */
export function realPath(path: string): string {
  try {
    return pathText(realpathSync.native(onDisk(path), 'buffer'));
  } catch {
    return path;
  }
}

/** Which file may be meant, where one beside it has nearly that name. */
function hintOf(path: string): { readonly hint?: string } {
  let names: readonly string[] = [];
  try {
    names = entriesOf(dirname(path))
      .slice(0, MAX_COMPARED_NAMES)
      .map(({ name }) => name);
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
    return statSync(onDisk(path));
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw notReadable(path, cause);
  }
}
