import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

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

/**
 * A folder that `make` fills once per key. A run that dies half way leaves no folder of that name
 * behind: it is filled under another name and renamed.
 */
export async function cachedFolder(
  kind: string,
  key: string,
  make: (folder: string) => void | Promise<void>,
): Promise<string> {
  const folder = join(cacheFolder(kind), key);
  try {
    readFileSync(join(folder, '.complete'));
    return folder;
  } catch {
    // Not there yet, or only half of it.
  }
  const draft = `${folder}.draft-${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  await make(draft);
  writeFileSync(join(draft, '.complete'), '');
  rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
  return folder;
}
