/** Runs the differential test alone: `node main.js --xen 4.17 --variants N --seed S`. */
import { randomInt } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { readImage } from '../../../core/image/index.js';
import { modelFromImage } from '../../../core/verify/from-image.js';
import { type Base, baseOf } from '../../differential/variants.js';
import { repositoryRoot } from '../cache.js';
import { folderEntries, prepareDom0 } from '../initramfs.js';
import { hypervisorPackages } from '../packages.js';
import { RIG_RELEASES } from '../releases.js';
import { describe } from './compare.js';
import { runDifferential } from './run.js';

/** Payloads that variants are made of. */
const BASES = [
  'hello',
  'data',
  'metadata',
  'expect-right',
  'hook-apply',
  'hook-load',
  'nofunc',
  'nop',
  'build-tools-shape',
  'chain-01',
  'old-address',
];

const { values } = parseArgs({
  options: {
    xen: { type: 'string', default: '4.17' },
    variants: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    family: { type: 'string' },
    build: { type: 'string', default: 'dist' },
  },
});
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const release = RIG_RELEASES.find(({ xen }) => xen === values.xen);
if (!release || !values.family) throw new Error('--xen 4.14|4.17|4.20 and --family DIR');
const family = values.family;

const packages = await hypervisorPackages(release);
const find = (folder: string, pattern: RegExp) => {
  const name = readdirSync(join(packages.root, folder)).find((file) => pattern.test(file));
  if (!name) throw new Error(`no ${pattern} in ${folder}`);
  return join(packages.root, folder, name);
};
const hypervisor = find('boot', /^xen-.*\.gz$/);
const symbols = release.symbols
  ? find('usr/lib/debug/boot', /^xen-syms-[^.]*\.[^.]*$/)
  : find('usr/lib/debug', /^xen-syms-.*[0-9]\.gz$/);
const bytes = readFileSync(symbols);
const image = readImage(symbols.endsWith('.gz') ? gunzipSync(bytes) : bytes, symbols);
const bases = [...BASES]
  .sort()
  .map((name) => ({ name, file: join(family, `${name}.livepatch`) }))
  .filter(({ file }) => existsSync(file))
  .map(({ name, file }) => baseOf(name, readFileSync(file))) as unknown as readonly [
  Base,
  ...Base[],
];

const root = repositoryRoot();
const report = await runDifferential(
  {
    hypervisor,
    dom0: await prepareDom0(),
    files: [
      ...folderEntries(join(root, values.build), 'rig/app/dist', (path) => path.endsWith('.js')),
      ...folderEntries(join(root, 'node_modules'), 'rig/app/node_modules', (path) =>
        /^(elfy|endian-reader|koffi|@koromix)\//.test(path),
      ),
      { path: 'rig/app/package.json', kind: 'file', bytes: Buffer.from('{"type":"module"}') },
      ...bases.map(({ name, bytes: content }) => ({
        path: `rig/bases/${name}.livepatch`,
        kind: 'file' as const,
        bytes: Buffer.from(content),
      })),
    ],
    command: 'node /rig/app/dist/test/xen/differential/dom0.js /rig/bases /dev/ttyS1',
    timeoutMs: 120_000,
  },
  modelFromImage(image),
  bases,
  {
    seed,
    variants: Number(values.variants),
    mostDisagreements: 50,
    onProgress: (done, total) => console.error(`${done}/${total}`),
  },
);
for (const disagreement of report.disagreements) console.log(describe(disagreement));
const { disagreements, ...figures } = report;
console.log(
  JSON.stringify({ xen: values.xen, seed, ...figures, disagreements: disagreements.length }),
);
process.exitCode = disagreements.length === 0 ? 0 : 1;
