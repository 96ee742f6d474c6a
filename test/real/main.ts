/**
 * The main job on real input: Debian's Xen 4.17 and the payload family built against its xen-syms.
 * Fetches and builds both, then runs the tests of this folder, the readers against readelf on the
 * same files, and the fuzzer. Needs gcc, binutils and apt-get.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/repository.js';
import { cacheFolder } from '../xen/cache.js';
import { hypervisorPackages } from '../xen/packages.js';
import { RIG_RELEASES } from '../xen/releases.js';
import { run } from '../xen/run.js';

const FUZZ_RUNS = 100_000;

const release = RIG_RELEASES.find(({ xen }) => xen === '4.17');
if (!release) throw new Error('the rig does not know Xen 4.17');
const { root, key } = await hypervisorPackages(release);
const symbols = join(root, 'usr/lib/debug/boot/xen-syms-4.17-amd64');
const image = join(root, 'boot/xen-4.17-amd64.gz');
const efi = join(root, 'boot/xen-4.17-amd64.efi');
const family = join(cacheFolder('real'), key);
const dist = join(repositoryRoot(), 'dist');

mkdirSync(family, { recursive: true });
if (!existsSync(join(family, 'manifest.json'))) {
  const build = join(dist, 'payloads', 'build.js');
  run(process.execPath, [build, '--image', symbols, '--out', family, '--chain', '30']);
}
console.log(`real input: ${key}, ${readdirSync(family).length} files of the payload family`);

const env = {
  ...process.env,
  XSPLICE_REAL_IMAGE: symbols,
  XSPLICE_REAL_FAMILY: family,
  XSPLICE_REAL_INPUTS: [symbols, image, efi].join(':'),
};
const node = (...words: string[]) =>
  spawnSync(process.execPath, ['--enable-source-maps', ...words], { stdio: 'inherit', env }).status;

const tests = ['real', 'elf', 'image'].flatMap((folder) =>
  readdirSync(join(dist, 'test', folder))
    .filter((file) => file.endsWith('.test.js'))
    .map((file) => join(dist, 'test', folder, file)),
);
const statuses = [
  node('--test', ...tests),
  node(join(dist, 'test', 'fuzz', 'main.js'), '--runs', String(FUZZ_RUNS)),
];
process.exitCode = statuses.every((status) => status === 0) ? 0 : 1;
