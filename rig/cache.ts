import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { keptOnce } from '../core/boot/index.js';

/** Where the rig keeps what is expensive to make. Deleting it is always safe. */
export function cacheFolder(...parts: readonly string[]): string {
  const base = process.env['XSPLICE_RIG_CACHE'] ?? join(projectFolder(), '.cache', 'xen-rig');
  const folder = resolve(base, ...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** The folder of package.json above the rig, wherever it was compiled to. */
function projectFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && folder !== '/') folder = dirname(folder);
  return folder;
}

/** A folder that `make` fills once per key. */
export function cachedFolder(
  kind: string,
  key: string,
  make: (folder: string) => void | Promise<void>,
): Promise<string> {
  return keptOnce(cacheFolder(kind), key, make);
}
