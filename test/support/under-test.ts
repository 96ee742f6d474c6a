import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { ArchiveEntry } from '../../core/boot/index.js';
import { folderEntries } from '../../rig/initramfs.js';
import { repositoryRoot } from './repository.js';

/** Where the project lies in dom0. */
export const APP_FOLDER = 'app';

/** What the rig runs in dom0: a file of the built project. */
export type RigProgram =
  | 'test/scenarios/agent.js'
  | 'test/differential/real/agent.js'
  | 'test/boot/agent.js'
  | 'test/remote/local-bench.js';

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

/** A program of the rig as one file: an emulated CPU spends four seconds on loading its two hundred. */
function oneFile(built: string, program: RigProgram): Buffer {
  const { outputFiles } = buildSync({
    entryPoints: [join(built, program)],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['koffi', 'iced-x86'],
    // As in cli/bundle.mjs.
    alias: { 'string-width': join(built, 'cli', 'terminal', 'width.js') },
    banner: {
      js: "import { createRequire as require_ } from 'node:module'; const require = require_(import.meta.url);",
    },
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`esbuild made nothing of ${program}`);
  return Buffer.from(output.contents);
}

/** The program as it is shipped, the rig's and what they need, as files of the dom0. */
export function projectEntries(program: RigProgram): ArchiveEntry[] {
  const root = repositoryRoot();
  // This file runs from OUT/test/support: OUT is what is under test.
  const built = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
  const packages = runtimePackages(root).flatMap((path) =>
    folderEntries(join(root, path), `${APP_FOLDER}/${path}`, (file) => !NOT_NEEDED.test(file)),
  );
  return [
    {
      path: `${APP_FOLDER}/package.json`,
      kind: 'file',
      bytes: readFileSync(join(root, 'package.json')),
    },
    ...folderEntries(join(built, 'bin'), `${APP_FOLDER}/dist/bin`),
    { path: `${APP_FOLDER}/dist/${program}`, kind: 'file', bytes: oneFile(built, program) },
    ...packages,
  ];
}
