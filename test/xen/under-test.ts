import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from '../support/repository.js';
import type { ArchiveEntry } from './cpio.js';
import { folderEntries } from './initramfs.js';

/** Where the project lies in dom0. */
export const APP_FOLDER = 'app';

/** Parts of packages that nothing needs at run time. */
const NOT_NEEDED =
  /(?:^|\/)(?:doc|docs|test|tests|musl_x64)\/|\.(?:md|map|ts|txt|cc|hh|cpp|h|S|asm)$/;

/** Folders of the packages that the project loads at run time. Optional ones that are absent are not. */
function runtimePackages(root: string): readonly string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && dev !== true)
    .map(([path]) => path)
    .filter((path) => existsSync(join(root, path)));
}

/** The built project with what it needs, as files of the dom0. */
export function projectEntries(): ArchiveEntry[] {
  const root = repositoryRoot();
  // This file runs from OUT/test/xen: OUT is what is under test.
  const built = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
  const isUseful = (path: string): boolean => !/\.(?:d\.ts|map|test\.js)$/.test(path);
  const packages = runtimePackages(root).flatMap((path) =>
    folderEntries(join(root, path), `${APP_FOLDER}/${path}`, (file) => !NOT_NEEDED.test(file)),
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
