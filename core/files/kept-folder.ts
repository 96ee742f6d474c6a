import { constants } from 'node:fs';
import { access, lstat, open, readdir, rm, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { XspliceError } from '../findings/index.js';
import { flushFolder, isDraft, writeDurably } from './durable-file.js';
import { isLock, withLock } from './lock.js';
import { codeOf, reasonOf } from './system-error.js';
import { makeTrusted, readOwn, requireTrusted, requireTrustedPath } from './trusted.js';

/**
 * A folder that the program keeps files in, on whatever machine it lies. Names are relative to it, with `/` between
 * folders; all of them are the program's own words. Whatever fails throws `folder-not-trusted`, or what the system does.
 */
export interface KeptFolder {
  /** In words, for messages. */
  readonly path: string;
  /** All of a file; null where there is none. */
  read(name: string): Promise<Uint8Array | null>;
  /** Writes a whole file, and the folders to it. It is there from then on, whatever happens. */
  write(name: string, bytes: Uint8Array | string): Promise<void>;
  /** Adds to the end of a file, which need not be there. It is there from then on, whatever happens. */
  append(name: string, text: string): Promise<void>;
  /** Names in a folder, sorted, without drafts and locks; '' is the folder itself. Empty where there is none. */
  list(folder: string): Promise<readonly string[]>;
  /** Removes a file; does nothing where there is none. */
  remove(name: string): Promise<void>;
  /** Removes a folder and all that lies in it. */
  removeFolder(folder: string): Promise<void>;
  /** Why nothing could be written here, as far as that can be told without writing; null where nothing is known. */
  obstacle(): Promise<string | null>;
  /** Runs something while no other run of this program is under the lock of this folder. Fails with `state-locked`. */
  exclusive<T>(what: string, run: () => Promise<T>): Promise<T>;
}

/** A folder in a kept folder, as a kept folder of its own; the lock is that of the whole. */
export function folderBelow(folder: KeptFolder, name: string): KeptFolder {
  const at = (inner: string) => (inner === '' ? name : `${name}/${inner}`);
  return {
    path: `${folder.path}/${name}`,
    read: (inner) => folder.read(at(inner)),
    write: (inner, bytes) => folder.write(at(inner), bytes),
    append: (inner, text) => folder.append(at(inner), text),
    list: (inner) => folder.list(at(inner)),
    remove: (inner) => folder.remove(at(inner)),
    removeFolder: (inner) => folder.removeFolder(at(inner)),
    obstacle: () => folder.obstacle(),
    exclusive: (what, run) => folder.exclusive(what, run),
  };
}

/** How far the path to a folder is looked at. */
export interface LocalFolderOptions {
  /** True: who could have put another folder in the place of one above it counts too. */
  readonly isPathChecked?: boolean;
}

/** A folder of this machine. It need not be there: who writes makes it, for this user alone. */
export function localFolder(
  path: string,
  { isPathChecked = false }: LocalFolderOptions = {},
): KeptFolder {
  const root = resolve(path);
  let isTrusted = false;

  /** False where the folder is not there. */
  async function trusted(): Promise<boolean> {
    if (isTrusted) return true;
    try {
      if (isPathChecked) await requireTrustedPath(root);
      await requireTrusted(root);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
    isTrusted = true;
    return true;
  }

  async function made(folder: string): Promise<void> {
    if (isPathChecked && !isTrusted) await requireTrustedPath(root);
    await makeTrusted(root);
    isTrusted = true;
    if (folder !== root) await makeTrusted(folder);
  }

  return {
    path: root,

    async read(name) {
      return (await trusted()) ? readOwn(join(root, name)) : null;
    },

    async write(name, bytes) {
      const file = join(root, name);
      await made(dirname(file));
      await writeDurably(file, bytes);
    },

    async append(name, text) {
      const file = join(root, name);
      await made(dirname(file));
      await appendDurably(file, text);
    },

    async list(folder) {
      if (!(await trusted())) return [];
      const names = await readdir(join(root, folder)).catch(absentIsEmpty);
      return names.filter((name) => !isDraft(name) && !isLock(name)).sort();
    },

    async remove(name) {
      if (!(await trusted())) return;
      await unlink(join(root, name)).catch(absentIsNothing);
      await flushFolder(dirname(join(root, name))).catch(absentIsNothing);
    },

    async removeFolder(folder) {
      if (!(await trusted())) return;
      // A link is removed, never followed.
      await rm(join(root, folder), { recursive: true, force: true });
      await flushFolder(dirname(join(root, folder))).catch(absentIsNothing);
    },

    async obstacle() {
      try {
        await trusted();
        await access(await nearest(root), constants.W_OK | constants.X_OK);
        return null;
      } catch (error) {
        return error instanceof XspliceError ? error.message : reasonOf(error);
      }
    },

    async exclusive(what, run) {
      await made(root);
      return withLock(root, { what }, run);
    },
  };
}

/** Adds to a file of this user's own, and flushes it. Links are not followed. */
async function appendDurably(path: string, text: string): Promise<void> {
  const isThere = (await lstat(path).catch(() => null)) !== null;
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  const file = await open(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_WRONLY, 0o600);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  if (!isThere) await flushFolder(dirname(path));
}

/** The folder itself, or the nearest above it that is there. */
async function nearest(folder: string): Promise<string> {
  for (let path = folder; ; path = dirname(path)) {
    const stats = await lstat(path).catch(() => null);
    if (stats !== null || path === dirname(path)) return path;
  }
}

function absentIsEmpty(error: unknown): readonly string[] {
  if (codeOf(error) === 'ENOENT') return [];
  throw error;
}

function absentIsNothing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}
