import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A folder below another one that `make` fills once per key. A run that dies half way leaves no folder of that name
 * behind: it is filled under another name and renamed. To delete it is always safe.
 */
export async function keptOnce(
  below: string,
  key: string,
  make: (folder: string) => void | Promise<void>,
): Promise<string> {
  const folder = join(below, key);
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
