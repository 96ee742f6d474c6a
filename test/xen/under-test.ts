import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from './cache.js';
import type { ArchiveEntry } from './cpio.js';
import { folderEntries } from './initramfs.js';

/** Where the project lies in dom0. */
export const APP_FOLDER = 'app';

/** Parts of packages that nothing needs at run time. */
const NOT_NEEDED =
  /(?:^|\/)(?:doc|docs|vendor|test|musl_x64)\/|\.(?:md|map|ts|txt|cc|hh|cpp|h|S|asm)$/;

function dependenciesOf(packageFile: string): string[] {
  const root: unknown = JSON.parse(readFileSync(packageFile, 'utf8'));
  const fields = root as Record<string, Record<string, string> | undefined>;
  return Object.keys({ ...fields['dependencies'], ...fields['optionalDependencies'] });
}

/** Packages that the project loads at run time, and theirs. Optional ones that are absent are not. */
function runtimePackages(root: string): string[] {
  const found = new Set<string>();
  const queue = dependenciesOf(join(root, 'package.json'));
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const file = join(root, 'node_modules', name, 'package.json');
    if (found.has(name) || !existsSync(file)) continue;
    found.add(name);
    queue.push(...dependenciesOf(file));
  }
  return [...found];
}

/** The built project with what it needs, as files of the dom0. */
export function projectEntries(): ArchiveEntry[] {
  const root = repositoryRoot();
  // This file runs from OUT/test/xen: OUT is what is under test.
  const built = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
  const isUseful = (path: string): boolean => !/\.(?:d\.ts|map|test\.js)$/.test(path);
  const packages = runtimePackages(root).flatMap((name) =>
    folderEntries(
      join(root, 'node_modules', name),
      `${APP_FOLDER}/node_modules/${name}`,
      (path) => !NOT_NEEDED.test(path),
    ),
  );
  return [
    {
      path: `${APP_FOLDER}/package.json`,
      kind: 'file',
      bytes: readFileSync(join(root, 'package.json')),
    },
    ...folderEntries(built, `${APP_FOLDER}/dist`, isUseful),
    ...packages,
  ];
}
