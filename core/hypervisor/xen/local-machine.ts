import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HostMachine } from '../machine.js';

/** The machine that this program runs on. */
export const localMachine: HostMachine = {
  async read(path, maxBytes) {
    try {
      if (maxBytes !== undefined && (await stat(path)).size > maxBytes) return null;
      return await readFile(path);
    } catch {
      return null;
    }
  },

  async list(folder) {
    return (await readdir(folder).catch(() => [])).sort();
  },

  async note(path, text) {
    const draft = `${path}.${process.pid}`;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFile(draft, text, { mode: 0o600 });
      await rename(draft, path);
    } catch {
      // It is only a note.
    }
  },
};
