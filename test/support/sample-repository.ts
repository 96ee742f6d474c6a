import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DEMO, DEMO_IMAGE, demo } from './cli.js';
import { anotherBuild, forAnotherBuild } from './other-image.js';

/** The wrong ones of the sample: payloads of the demo, in ten ways with the two that are made of them. */
const WRONG = [
  'too-small',
  'unknown-function',
  'unknown-import',
  'wrong-version',
  'nothing-to-patch',
  'expect-wrong',
  'wrong-depends',
  'wrong-xen-depends',
];

/** Good payloads for each hypervisor, beside the wrong ones. */
const CHAIN = ['chain-01', 'chain-02', 'chain-03', 'chain-04', 'chain-05'];
const ALONE = ['hello', 'data', 'metadata', 'endbr', 'hook-apply', 'hook-load', 'hook-revert'];
/** Good ones for the last hypervisor. */
const MORE = [
  ...['build-tools-shape', 'callee-fix', 'caller-fix', 'cumulative-1', 'cumulative-2'],
  ...['expect-right', 'independent-a', 'independent-b', 'noapply', 'norevert', 'old-address'],
  ...['nop', 'replace'],
];

/**
 * A repository as a team has it: three hypervisors, 60 payloads, ten of them wrong in ten ways, two waivers, one
 * of which has expired. The hypervisors are the demo's and two more builds of it.
 */
export function sampleRepository(root: string): void {
  const put = (path: string, bytes: Uint8Array) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  };
  put('images/a', readFileSync(DEMO_IMAGE));
  put('images/b', anotherBuild(1));
  put('images/c', anotherBuild(2));
  const builds = [
    ['a', 0],
    ['b', 1],
    ['c', 2],
  ] as const;
  for (const [name, build] of builds) {
    const built = (file: string) =>
      build === 0 ? readFileSync(file) : forAnotherBuild(file, build);
    for (const link of CHAIN) put(`${name}/chain/${link}.livepatch`, built(demo(link)));
    for (const one of ALONE) put(`${name}/alone/${one}.livepatch`, built(demo(one)));
  }
  for (const name of MORE) {
    put(`c/alone/${name}.livepatch`, forAnotherBuild(demo(name), 2));
  }
  put('a/risky/nop.livepatch', readFileSync(join(DEMO, 'dangerous', 'nop-misaligned.livepatch')));
  for (const name of WRONG) {
    put(`a/wrong/${name}.livepatch`, readFileSync(demo(name)));
  }
  put('a/wrong/truncated.livepatch', readFileSync(demo('bye')).subarray(0, 900));
  put('a/wrong/duplicate.livepatch', readFileSync(demo('too-small')));
  const waiver = { code: 'nop-splits-instruction', reason: 'looked at <b>twice</b>' };
  writeConfig(root, {
    targets: builds.flatMap(([name]) => [
      { name: `${name} chain`, image: `images/${name}`, payloads: `${name}/chain` },
      {
        name: `${name} alone`,
        image: `images/${name}`,
        payloads: name === 'a' ? ['a/alone', 'a/wrong', 'a/risky'] : `${name}/alone`,
        mode: 'alternatives',
      },
    ]),
    waivers: [
      { ...waiver, file: 'a/risky/*', expires: '2999-12-31' },
      { ...waiver, file: 'a/alone/*', expires: '2020-01-01' },
    ],
  });
}

/** A payload and a file that try to be more than text, for the page. */
export function hostileRepository(root: string): void {
  mkdirSync(join(root, 'p'), { recursive: true });
  copyFileSync(DEMO_IMAGE, join(root, 'image'));
  const script = '<img src=x onerror=hostile=true>';
  const bytes = readFileSync(demo('metadata'));
  const text = Buffer.from('<script>hostile=true</script>');
  const at = bytes.indexOf('\0', bytes.indexOf('=')) - 1;
  // Metadata, as far as there is room for it.
  const room = bytes.subarray(bytes.lastIndexOf(0, at) + 1, at + 1);
  text.copy(room, 0, 0, room.length);
  writeFileSync(join(root, 'p', `${script}"'.livepatch`), bytes);
  writeFileSync(join(root, 'p', '<script>hostile=true<!--.livepatch'), bytes.subarray(0, 2000));
  writeConfig(root, {
    targets: [{ name: `${script}</title></style>`, image: 'image', payloads: 'p' }],
    waivers: [{ code: 'init-code', file: 'x', reason: script, expires: '2020-01-01' }],
  });
}

function writeConfig(root: string, config: unknown): void {
  writeFileSync(join(root, 'xsplice.config.json'), `${JSON.stringify(config, null, 2)}\n`);
}
