import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { onDisk } from '../abi/raw-path.js';
import { codeOf, reasonOf } from './system-error.js';

/** How a file is to be. */
export interface FileMode {
  /** Permissions; the file is for its owner alone where they are left out. */
  readonly mode?: number;
  /** Whom it is to belong to, as far as that is allowed. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

const DRAFT = /^.+\.[0-9a-f]{12}\.new$/;

/** True for the name of a draft that `placeFile` writes, or `lock.ts` listens on: a killed process leaves one. */
export function isDraft(name: string): boolean {
  return DRAFT.test(name);
}

/** A name beside a file, that nobody else uses. */
export function draftOf(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}.new`;
}

/**
 * Writes a whole file in one step: a draft beside it, flushed and renamed. Whatever happens, the file has
 * its old content or the new one. That the name outlives a loss of power is `flushFolder`'s part.
 *
 * Throws what the system does; the file is as it was then, and the draft is gone.
 */
export async function placeFile(
  path: string,
  bytes: Uint8Array | string,
  { mode = 0o600, owner }: FileMode = {},
): Promise<void> {
  const draft = onDisk(draftOf(path));
  // Nothing is followed and nothing is opened that is there: what is written to is a new file.
  const file = await open(draft, 'wx', 0o600);
  try {
    try {
      await file.writeFile(bytes);
      if (owner !== undefined) await file.chown(owner.uid, owner.gid).catch(() => undefined);
      // What the mask took away, or a new owner.
      if (mode !== 0o600 || owner !== undefined) await file.chmod(mode & 0o777);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, onDisk(path));
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error;
  }
}

/** Makes what was renamed, made or removed in a folder outlive a loss of power. Throws what the system does. */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(onDisk(folder), 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems have no folders to flush, and say so.
    if (codeOf(error) !== 'EINVAL') throw error;
  } finally {
    await handle.close();
  }
}

/** Thrown where a file is written, and whether a loss of power undoes it is not known. */
export class NotFlushed extends Error {
  override readonly name = 'NotFlushed';
}

/**
 * Writes a whole file so that it is there from then on, whatever happens. Every file that the program keeps
 * goes this way. Throws what the system does, with the file as it was; or NotFlushed, with the new file there.
 */
export async function writeDurably(
  path: string,
  bytes: Uint8Array | string,
  mode: FileMode = {},
): Promise<void> {
  await placeFile(path, bytes, mode);
  try {
    await flushFolder(dirname(path));
  } catch (cause) {
    throw new NotFlushed(reasonOf(cause), { cause });
  }
}
