import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
  const isComplete = () => existsSync(join(folder, '.complete'));
  if (isComplete()) return folder;
  const draft = `${folder}.draft-${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  await make(draft);
  writeFileSync(join(draft, '.complete'), '');
  if (isComplete()) {
    // Another run was faster, and uses it.
    rmSync(draft, { recursive: true });
    return folder;
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
  return folder;
}
