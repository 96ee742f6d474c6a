import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  localFolder,
  makeTrusted,
  readOwn,
  readRegular,
  reasonOf,
  requireTrusted,
  withLock,
  writeDurably,
} from '../../files/index.js';
import { XspliceError } from '../../findings/index.js';
import type { HostMachine } from '../machine.js';

/** The machine that this program runs on. */
export const localMachine: HostMachine = {
  read(path, maxBytes = Number.POSITIVE_INFINITY) {
    return readRegular(path, maxBytes).catch(() => null);
  },

  async list(folder) {
    return (await readdir(folder).catch(() => [])).sort();
  },

  async note(path, text) {
    try {
      await makeTrusted(dirname(path));
      await writeDurably(path, text);
    } catch {
      // It is only a note.
    }
  },

  async noted(path) {
    try {
      await requireTrusted(dirname(path));
      return await readOwn(path);
    } catch {
      return null;
    }
  },

  async exclusive(folder, what, run) {
    await makeTrusted(folder).catch((cause: unknown) => {
      if (cause instanceof XspliceError) throw cause;
      const message = `${folder}, where the lock belongs, cannot be made: ${reasonOf(cause)}`;
      throw new XspliceError('state-not-writable', message, { cause });
    });
    return withLock(folder, { what }, run);
  },

  kept(path) {
    return localFolder(path, { isPathChecked: true });
  },
};
