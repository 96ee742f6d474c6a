import type { KeptFolder } from '../../core/files/index.js';

/** A kept folder that is in no file, for what is not about files. */
export function keptInMemory(): KeptFolder {
  const files = new Map<string, Buffer>();
  return {
    path: '/in-memory',
    read: async (name) => files.get(name) ?? null,
    write: async (name, bytes) => void files.set(name, Buffer.from(bytes)),
    append: async (name, text) => {
      files.set(name, Buffer.concat([files.get(name) ?? Buffer.alloc(0), Buffer.from(text)]));
    },
    list: async (folder) => {
      const start = folder === '' ? '' : `${folder}/`;
      const below = [...files.keys()].filter((name) => name.startsWith(start));
      return [...new Set(below.map((name) => name.slice(start.length).split('/')[0] ?? ''))].sort();
    },
    remove: async (name) => void files.delete(name),
    removeFolder: async (folder) => {
      for (const name of files.keys()) if (name.startsWith(`${folder}/`)) files.delete(name);
    },
    obstacle: async () => null,
    exclusive: (_what, run) => run(),
  };
}
