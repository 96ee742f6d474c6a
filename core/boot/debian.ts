import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keptOnce } from './kept-once.js';
import type { Mirror } from './mirror.js';
import { run, Unavailable } from './run.js';

/** Package lists are asked for again when the last answer is older than this. */
const LISTS_MAX_AGE_MS = 24 * 3600 * 1000;
/** Debian's keys; the file is the same on every Debian, and Ubuntu packages it too. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Where packages come from, and where they are kept; to delete that is always safe. */
export interface Archive {
  readonly cache: string;
  readonly mirror: Mirror;
}

/** Packages, unpacked side by side into one tree. */
export interface PackageTree {
  readonly root: string;
  /** Equal exactly when the same versions are in it. */
  readonly key: string;
}

/** apt with sources, lists and archives of its own, so that nothing on the machine changes. */
function aptOptions({ cache, mirror }: Archive, suite: string): string[] {
  const folder = folderIn(cache, 'apt', suite);
  for (const name of ['lists/partial', 'archives/partial']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const { archive, security } = mirror;
  writeFileSync(
    join(folder, 'sources.list'),
    [
      `deb [signed-by=${KEYRING}] ${archive} ${suite} main`,
      // Debian's unstable has none: fixes go there directly.
      ...(suite === 'sid' ? [] : [`deb [signed-by=${KEYRING}] ${security} ${suite}-security main`]),
      '',
    ].join('\n'),
  );
  const settings = {
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::Cache': folder,
    'Dir::State::status': '/dev/null',
    'APT::Sandbox::User': '',
    'APT::Architecture': 'amd64',
    'Acquire::Languages': 'none',
  };
  return Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

function ageMs(file: string): number {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Refreshes the suite's lists; old ones do when the mirror cannot be reached. */
function updateLists(archive: Archive, suite: string): void {
  const stamp = join(folderIn(archive.cache, 'apt', suite), 'updated');
  const age = ageMs(stamp);
  if (age < LISTS_MAX_AGE_MS) return;
  try {
    run('apt-get', [...aptOptions(archive, suite), 'update', '-qq']);
    writeFileSync(stamp, '');
  } catch (error) {
    if (age === Number.POSITIVE_INFINITY) throw error;
  }
}

/** Paragraphs of the packages that apt would install, in the order asked. */
function show(archive: Archive, suite: string, names: readonly string[]): string[] {
  const text = run('apt-cache', [
    ...aptOptions(archive, suite),
    '--no-all-versions',
    'show',
    ...names,
  ]);
  return text
    .toString('utf8')
    .split(/\n\s*\n/)
    .filter((paragraph) => paragraph.trim() !== '');
}

function field(paragraph: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
}

/**
 * The packages of one Debian release, downloaded and unpacked (not installed: no root is needed).
 *
 * @throws Unavailable when the mirror or a package cannot be had.
 */
export async function unpackPackages(
  archive: Archive,
  suite: string,
  names: readonly string[],
): Promise<PackageTree> {
  updateLists(archive, suite);
  const versions = show(archive, suite, names).map(
    (paragraph) => `${field(paragraph, 'Package')}=${field(paragraph, 'Version')}`,
  );
  const missing = names.filter((name) => !versions.some((pin) => pin.startsWith(`${name}=`)));
  if (missing.length > 0) {
    throw new Unavailable(`Debian ${suite} has no package ${missing.join(', ')}.`);
  }
  const key = createHash('sha256').update(versions.join('\n')).digest('hex').slice(0, 16);
  const root = await keptOnce(folderIn(archive.cache, 'packages'), `${suite}-${key}`, (folder) => {
    const downloads = folderIn(archive.cache, 'apt', suite, `download-${key}`);
    run('apt-get', [...aptOptions(archive, suite), 'download', '-qq', ...versions], {
      cwd: downloads,
    });
    for (const file of readdirSync(downloads).filter((name) => name.endsWith('.deb'))) {
      run('dpkg-deb', ['-x', join(downloads, file), folder]);
    }
    writeFileSync(join(folder, 'versions'), `${versions.join('\n')}\n`);
  });
  return { root, key: `${suite}-${key}` };
}

/**
 * The same with all that these packages depend on, as one root in which their programs run.
 *
 * @throws Unavailable when the mirror or a package cannot be had.
 */
export async function unpackRoot(
  archive: Archive,
  suite: string,
  names: readonly string[],
): Promise<PackageTree> {
  updateLists(archive, suite);
  const command = ['install', '-y', '-qq', '--no-install-recommends', '-o', 'Debug::NoLocking=1'];
  // Lines of `Inst NAME (VERSION …)`.
  const planned = run('apt-get', [
    ...aptOptions(archive, suite),
    ...command,
    '--simulate',
    ...names,
  ])
    .toString('utf8')
    .split('\n')
    .map((line) => /^Inst (\S+) \((\S+)/.exec(line))
    .flatMap((match) => (match === null ? [] : [`${match[1]}=${match[2]}`]));
  const key = createHash('sha256').update(planned.join('\n')).digest('hex').slice(0, 16);
  const root = await keptOnce(folderIn(archive.cache, 'roots'), `${suite}-${key}`, (folder) => {
    run('apt-get', [...aptOptions(archive, suite), ...command, '--download-only', ...names]);
    const archives = folderIn(archive.cache, 'apt', suite, 'archives');
    const wanted = new Set(planned.map((pin) => pin.split('=')[0]));
    for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
      if (wanted.has(file.split('_')[0])) run('dpkg-deb', ['-x', join(archives, file), folder]);
    }
    run('ldconfig', ['-r', folder]);
    writeFileSync(join(folder, 'versions'), `${planned.join('\n')}\n`);
  });
  return { root, key: `${suite}-${key}` };
}

/**
 * Packages in the oldest version that the mirror has of the suite, without what they depend on; null where
 * it has only one version.
 *
 * @throws Unavailable when the mirror or a package cannot be had.
 */
export async function unpackOlder(
  archive: Archive,
  suite: string,
  names: readonly string[],
): Promise<PackageTree | null> {
  updateLists(archive, suite);
  const pins = names.flatMap((name) => {
    // Lines of `NAME | VERSION | SOURCE`, the newest first.
    const lines = run('apt-cache', [...aptOptions(archive, suite), 'madison', name]).toString(
      'utf8',
    );
    const versions = [...lines.matchAll(/^\s*\S+ \| (\S+) \|/gm)].map(
      ([, version = '']) => version,
    );
    const oldest = versions.at(-1);
    return oldest === undefined || oldest === versions[0] ? [] : [`${name}=${oldest}`];
  });
  if (pins.length < names.length) return null;
  const key = createHash('sha256').update(pins.join('\n')).digest('hex').slice(0, 16);
  const root = await keptOnce(
    folderIn(archive.cache, 'packages'),
    `${suite}-older-${key}`,
    (folder) => {
      const downloads = folderIn(archive.cache, 'apt', suite, `download-${key}`);
      run('apt-get', [...aptOptions(archive, suite), 'download', '-qq', ...pins], {
        cwd: downloads,
      });
      for (const file of readdirSync(downloads).filter((name) => name.endsWith('.deb'))) {
        run('dpkg-deb', ['-x', join(downloads, file), folder]);
      }
    },
  );
  return { root, key: `${suite}-older-${key}` };
}

/** The kernel package that `linux-image-amd64` stands for: the -cloud one cannot be a dom0. */
export function kernelPackage(archive: Archive, suite: string): string {
  updateLists(archive, suite);
  const [meta] = show(archive, suite, ['linux-image-amd64']);
  const match = /\blinux-image-[0-9][^ ,()]*-amd64\b/.exec(field(meta ?? '', 'Depends'));
  if (!match) throw new Unavailable(`Debian ${suite}'s linux-image-amd64 names no kernel.`);
  return match[0];
}

/** A folder of the cache, which is made where it is missing. */
function folderIn(...parts: readonly string[]): string {
  const folder = join(...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}
