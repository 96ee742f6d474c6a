/**
 * The main job on real input: Debian's Xen 4.17 and the payload family built against its xen-syms; the
 * readers and the closures of all functions on 4.20 too, and on 4.14 pairs of fixes; a repository of sixty payloads for all
 * three. Fetches and builds them, then runs the tests of
 * this folder, the readers against readelf on the same files, and the fuzzer. Needs gcc, binutils and apt-get.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../rig/cache.js';
import { prepareHypervisor, type RigHypervisor } from '../../rig/hypervisor.js';
import { RIG_RELEASES, type RigRelease } from '../../rig/releases.js';
import { run } from '../../rig/run.js';
import { prepareFamily } from '../support/family.js';
import { repositoryRoot } from '../support/repository.js';

const FUZZ_RUNS = 100_000;

const usual = await hypervisorOf('4.17');
const { key, symbols, image } = usual;
const efi = image.replace(/\.gz$/, '.efi');
const newer = await hypervisorOf('4.20');
const older = await hypervisorOf('4.14');
const family = join(cacheFolder('real'), key);
const dist = join(repositoryRoot(), 'dist');

mkdirSync(family, { recursive: true });
if (!existsSync(join(family, 'manifest.json'))) {
  const build = join(dist, 'payloads', 'build.js');
  run(process.execPath, [build, '--image', symbols, '--out', family, '--chain', '30']);
}
console.log(`real input: ${key}, ${readdirSync(family).length} files of the payload family`);

const sample = [];
for (const hypervisor of [older, usual, newer]) {
  sample.push(hypervisor.symbols, await prepareFamily(hypervisor));
}

const env = {
  ...process.env,
  XSPLICE_REAL_IMAGE: symbols,
  XSPLICE_REAL_FAMILY: family,
  XSPLICE_REAL_XEN_SYMS: [older, { symbols }, newer].map((xen) => xen.symbols).join(':'),
  XSPLICE_REAL_INPUTS: [symbols, image, efi, newer.symbols, newer.image].join(':'),
  XSPLICE_REAL_SAMPLE: sample.join(':'),
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
  node(join(dist, 'test', 'bench', 'repository.js'), ...sample),
  node(join(dist, 'test', 'fuzz', 'main.js'), '--runs', String(FUZZ_RUNS)),
];
process.exitCode = statuses.every((status) => status === 0) ? 0 : 1;

function hypervisorOf(xen: RigRelease['xen']): Promise<RigHypervisor> {
  const release = RIG_RELEASES.find((candidate) => candidate.xen === xen);
  if (!release) throw new Error(`the rig does not know Xen ${xen}`);
  return prepareHypervisor(release);
}
