import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { run, Unavailable } from './run.js';

/** All files below a folder, by their paths. */
export function* filesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
  }
}

/** How distributions pack their modules. */
const PACKED: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  '.ko': (bytes) => bytes,
  '.ko.gz': gunzipSync,
  '.ko.xz': (input) => run('xz', ['--decompress', '--stdout'], { input }),
  '.ko.zst': (input) => run('zstd', ['--decompress', '--stdout'], { input }),
};
const NAME = /^(.+?)(\.ko(?:\.(?:gz|xz|zst))?)$/;

/** Names in a module's own `depends=` record. */
function dependsOf(module: Buffer): string[] {
  const match = /\0depends=([^\0]*)\0/.exec(module.toString('latin1'));
  return (match?.[1] ?? '').split(',').filter((name) => name !== '');
}

const plain = (name: string): string => name.replaceAll('-', '_');

interface Found {
  /** By their plain names. */
  readonly files: ReadonlyMap<string, { readonly path: string; readonly ending: string }>;
  readonly builtIn: ReadonlySet<string>;
}

function find(folder: string): Found {
  const files = new Map<string, { readonly path: string; readonly ending: string }>();
  const builtIn = new Set<string>();
  for (const path of filesBelow(folder)) {
    const [, name, ending = ''] = NAME.exec(basename(path)) ?? [];
    if (name !== undefined) files.set(plain(name), { path, ending });
    if (basename(path) !== 'modules.builtin') continue;
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      builtIn.add(plain(basename(line, '.ko')));
    }
  }
  return { files, builtIn };
}

/** Whether a kernel has these modules, built in or not. */
export function areIn(folder: string, wanted: readonly string[]): boolean {
  const { files, builtIn } = find(folder);
  return wanted.every((name) => files.has(plain(name)) || builtIn.has(plain(name)));
}

/**
 * These modules of a kernel and what they need, each behind what it needs, by their file names. `folder` is the one that
 * is called by the kernel's version, or one above it. What is built in is no file. Fails with `rehearsal-unavailable` where
 * one is neither.
 */
export function modulesIn(folder: string, wanted: readonly string[]): ReadonlyMap<string, Buffer> {
  const { files, builtIn } = find(folder);
  const ordered = new Map<string, Buffer>();
  const add = (name: string): void => {
    const found = files.get(plain(name));
    const file = `${plain(name)}.ko`;
    if (ordered.has(file)) return;
    if (found === undefined) {
      if (builtIn.has(plain(name))) return;
      throw new Unavailable(`The kernel has no module ${name} in ${folder}`);
    }
    const bytes = PACKED[found.ending]?.(readFileSync(found.path)) ?? Buffer.alloc(0);
    for (const needed of dependsOf(bytes)) add(needed);
    ordered.set(file, bytes);
  };
  for (const name of wanted) add(name);
  return ordered;
}

/** The folder with the modules of a kernel of this version, which lies in this folder; null where there is none. */
export function moduleFolder(kernelFolder: string, version: string): string | null {
  const places = ['../lib/modules', '../usr/lib/modules'].map((path) => join(kernelFolder, path));
  const folders = [...places, '/lib/modules', '/usr/lib/modules'].map((path) =>
    join(path, version),
  );
  return folders.find((path) => existsSync(path)) ?? null;
}
