/** Runs the differential test alone: `node main.js --xen 4.17 --variants N --seed S`. */
import { randomInt } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { readImage } from '../../../core/image/index.js';
import { modelFromImage } from '../../../core/use/image-model.js';
import { describe, type Said, type SequenceSaid } from '../../differential/compare.js';
import { encodeGolden, factsOf, type Golden } from '../../differential/golden.js';
import { type Base, baseOf } from '../../differential/variants.js';
import { repositoryRoot } from '../cache.js';
import { folderEntries, prepareDom0 } from '../initramfs.js';
import { hypervisorPackages, versionIn } from '../packages.js';
import { RIG_RELEASES } from '../releases.js';
import { runDifferential, runSequences } from './run.js';

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
    sequences: { type: 'string', default: '0' },
    seed: { type: 'string' },
    family: { type: 'string' },
    most: { type: 'string', default: '50' },
    record: { type: 'string' },
    golden: { type: 'string' },
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

/** Payloads of sequences. Hooks that veto, or print, are left out: the model takes hooks to succeed silently. */
const SEQUENCE_PAYLOADS = [
  ...['hello', 'bye', 'replace', 'data', 'metadata', 'nofunc', 'nop'],
  ...['expect-right', 'expect-wrong', 'independent-a', 'independent-b'],
  ...['cumulative-1', 'cumulative-2', 'chain-01', 'chain-02', 'chain-03'],
  ...['hook-load', 'hook-preapply', 'hook-postrevert', 'wrong-depends'],
];
const payloads = new Map(
  SEQUENCE_PAYLOADS.map((name) => ({ name, file: join(family, `${name}.livepatch`) }))
    .filter(({ file }) => existsSync(file))
    .map(({ name, file }) => [name, new Uint8Array(readFileSync(file))]),
);

const root = repositoryRoot();
const entries = (folder: string, contents: Iterable<readonly [string, Uint8Array]>) =>
  [...contents].map(([name, content]) => ({
    path: `rig/${folder}/${name}.livepatch`,
    kind: 'file' as const,
    bytes: Buffer.from(content),
  }));
const request = {
  hypervisor,
  dom0: await prepareDom0(),
  files: [
    ...folderEntries(join(root, values.build), 'rig/app/dist', (path) => path.endsWith('.js')),
    ...folderEntries(join(root, 'node_modules'), 'rig/app/node_modules', (path) =>
      /^(elfy|endian-reader|koffi|@koromix)\//.test(path),
    ),
    {
      path: 'rig/app/package.json',
      kind: 'file' as const,
      bytes: Buffer.from('{"type":"module"}'),
    },
    ...entries(
      'bases',
      bases.map(({ name, bytes: content }) => [name, content] as const),
    ),
    ...entries('family', payloads),
  ],
  command: 'node /rig/app/dist/test/xen/differential/dom0.js /rig/bases /rig/family /dev/ttyS1',
  timeoutMs: 120_000,
};
const { model, version, symbols: symbolText } = modelFromImage(image, null);

const sequencesSaid: SequenceSaid[] = [];
const variantsSaid: Said[] = [];
if (Number(values.sequences) > 0) {
  const report = await runSequences(request, model, version, payloads, {
    seed,
    sequences: Number(values.sequences),
    onSaid: (index, said) => {
      sequencesSaid[index] = said;
    },
  });
  for (const disagreement of report.disagreements) console.log(disagreement);
  console.log(
    JSON.stringify({
      xen: values.xen,
      seed,
      ...report,
      disagreements: report.disagreements.length,
    }),
  );
}
const report = await runDifferential(request, model, bases, {
  seed,
  variants: Number(values.variants),
  mostDisagreements: Number(values.most),
  onSaid: (index, said) => {
    variantsSaid[index] = said;
    if (values.record) {
      appendFileSync(values.record, `${JSON.stringify({ i: index, ...said })}\n`);
    }
  },
  onReset: (reason, indices) => {
    if (indices.length > 1) console.error(`Xen died among ${indices.join(' ')}: ${reason}`);
  },
  onProgress: (done, total) => console.error(`${done}/${total}`),
});
for (const disagreement of report.disagreements) console.log(describe(disagreement));
const { disagreements, ...figures } = report;
console.log(
  JSON.stringify({ xen: values.xen, seed, ...figures, disagreements: disagreements.length }),
);
if (values.golden) {
  const encode = (contents: Iterable<readonly [string, Uint8Array]>) =>
    Object.fromEntries([...contents].map(([name, c]) => [name, Buffer.from(c).toString('base64')]));
  const manifest = JSON.parse(readFileSync(join(family, 'manifest.json'), 'utf8')) as {
    payloads: { replaces: string[] }[];
  };
  const functions = [...new Set(manifest.payloads.flatMap(({ replaces }) => replaces))];
  const golden: Golden = {
    from: `${release.hypervisor} ${versionIn(packages, release.hypervisor)}`,
    version,
    buildId: model.buildId ?? '',
    symbols: symbolText,
    ...factsOf(model, image, functions),
    seed,
    bases: encode(bases.map(({ name, bytes: content }) => [name, content] as const)),
    family: encode(payloads),
    variants: variantsSaid,
    sequences: sequencesSaid,
  };
  writeFileSync(values.golden, encodeGolden(golden));
}
process.exitCode = disagreements.length === 0 ? 0 : 1;
