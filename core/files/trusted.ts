import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { XspliceError } from '../findings/index.js';
import { flushFolder } from './durable-file.js';
import { codeOf } from './system-error.js';

/** Write permission of the group and of everybody. */
const OTHERS_MAY_WRITE = 0o022;
/** In such a folder, only its owner renames and removes a file. */
const STICKY = 0o1000;

/**
 * Makes sure that a folder is one that only this user or root could have put something into, and that the path
 * leads there without a link. Throws `folder-not-trusted` with what is wrong, and else what the system does.
 */
export async function requireTrusted(folder: string): Promise<void> {
  const path = resolve(folder);
  const stats = await lstat(path);
  if (stats.isSymbolicLink()) throw distrust(folder, 'is a link', await namedDirectly(path));
  if (!stats.isDirectory()) {
    throw distrust(folder, `is ${kindOf(stats)}`, 'Name a directory.');
  }
  requireOwn(folder, stats);
  const real = await realpath(path);
  if (real !== path) {
    throw distrust(folder, 'is reached through a link', `Name the directory itself: ${real}`);
  }
}

/**
 * Makes sure that nobody else could put another folder in the place of one on the way to this one: each belongs to
 * this user or root, and others may write to it only where they cannot rename what is not theirs (the sticky bit).
 * What is not there yet is passed over. Throws `folder-not-trusted`, and else what the system does.
 */
export async function requireTrustedPath(folder: string): Promise<void> {
  const path = resolve(folder);
  for (let above = dirname(path); ; above = dirname(above)) {
    const stats = await stat(above).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (stats !== null) {
      const { uid, mode } = stats;
      requireOwn(above, { uid, mode: mode & STICKY ? mode & ~OTHERS_MAY_WRITE : mode });
    }
    if (above === dirname(above)) return;
  }
}

/** Makes a folder that only this user may enter, unless it is there, and makes sure that it can be trusted. */
export async function makeTrusted(folder: string): Promise<void> {
  const path = resolve(folder);
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  for (let made = path; first !== undefined; made = dirname(made)) {
    await flushFolder(dirname(made));
    if (made === first || made === dirname(made)) break;
  }
  await requireTrusted(folder);
}

/**
 * All of a regular file of this user's own. Links are not followed, and nothing that could block is opened.
 * Null where there is none. Throws `folder-not-trusted` where somebody else could have written it or it is
 * no file, and else what the system does.
 */
export async function readOwn(path: string): Promise<Uint8Array | null> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return null;
    if (code === 'ELOOP') throw distrust(path, 'is a link', 'Put the file itself there.');
    // A socket.
    if (code === 'ENXIO') throw distrust(path, 'is a socket', 'Put a file there.');
    throw error;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw distrust(path, `is ${kindOf(stats)}`, 'Put a file there.');
    requireOwn(path, stats);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/**
 * All of a file, whoever it belongs to; links are followed. Null where it is no regular file or larger than that:
 * nothing that could block is opened. Throws what the system does.
 */
export async function readRegular(path: string, limitBytes: number): Promise<Uint8Array | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    return stats.isFile() && stats.size <= limitBytes ? await file.readFile() : null;
  } finally {
    await file.close();
  }
}

function requireOwn(path: string, { uid, mode }: Pick<Stats, 'uid' | 'mode'>): void {
  // Whoever runs this, root may do as it likes; on a system without users nobody is another one.
  const self = process.geteuid?.() ?? uid;
  if (uid !== self && uid !== 0) {
    const hint = `Use a directory of your own, or take this one over: chown ${self} ${path}`;
    throw distrust(path, `belongs to user ${uid}, and this is user ${self}`, hint);
  }
  if ((mode & OTHERS_MAY_WRITE) !== 0) {
    const bits = (mode & 0o7777).toString(8);
    throw distrust(
      path,
      `may be written to by others: its mode is ${bits}`,
      `If nobody did: chmod go-w ${path}`,
    );
  }
}

function distrust(path: string, what: string, hint: string): XspliceError {
  return new XspliceError('folder-not-trusted', `${path} ${what}`, { hint });
}

async function namedDirectly(path: string): Promise<string> {
  const real = await realpath(path).catch(() => null);
  return real === null ? 'Name a directory.' : `Name the directory itself: ${real}`;
}

/** In words, for a message. */
function kindOf(stats: Stats): string {
  if (stats.isFile()) return 'a file';
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  return stats.isSocket() ? 'a socket' : 'a device';
}
