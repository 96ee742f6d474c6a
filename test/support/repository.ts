import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of package.json, wherever the tests were compiled to. */
export function repositoryRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no package.json above the tests');
    folder = parent;
  }
  return folder;
}
