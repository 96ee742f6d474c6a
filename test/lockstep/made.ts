import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RootedTree } from '../../cli/file-tree.js';
import { openLockstepHost, systemOf } from '../../core/lockstep/index.js';
import { makeFilter, makeModule, makePlugin, OTHER_STAMP } from '../support/fake-hosts.js';
import { nbdkitOf, pairOf } from './nbdkit.js';
import type { Planned } from './pair.js';
import { pairsOf } from './qemu.js';
import { STAGE } from './stage.js';
import type { Suite } from './suites.js';

const PLACE = `${STAGE}/made`;
const PROGRAM = '/usr/bin/qemu-system-x86_64';
/** open, get_size and pread: what every plugin needs. */
const NEEDED = [88, 104, 216];

/** What no package has: each module made for it, with the real program of each suite. */
export function madePairs(suites: readonly Suite[], preload: string): readonly Planned[] {
  const plans = suites.flatMap((home) => [...qemuPairs(home, preload), ...nbdkitPairs(home)]);
  return plans.map(
    (plan) => () => plan().map((pair) => ({ ...pair, group: `${pair.group}, made` })),
  );
}

function qemuPairs(home: Suite, preload: string): readonly Planned[] {
  const system = systemOf(new RootedTree(home.root));
  const host = openLockstepHost(system, PROGRAM);
  if (host === null || host.facts.kind !== 'qemu') throw new Error(`${home.name} has no QEMU`);
  const { stamp } = host.facts;
  const from = { ...home, name: 'made' };
  const plan =
    (name: string, make: (folder: string) => void): Planned =>
    () => {
      const folder = `${PLACE}/qemu/${name}`;
      make(folder);
      return pairsOf(host, { home, from, program: PROGRAM, path: `${folder}/${name}.so`, preload });
    };
  const made = (name: string, options: Parameters<typeof makeModule>[2]): Planned =>
    plan(name, (folder) => void makeModule(home.root, name, { stamp, ...options, folder }));
  const changed = (name: string, change: (whole: Buffer) => Uint8Array): Planned =>
    plan(name, (folder) => {
      const file = makeModule(home.root, name, { stamp, folder });
      writeFileSync(file, change(readFileSync(file)));
    });
  const byte = (name: string, offset: number, value: number): Planned =>
    changed(name, (whole) => {
      whole[offset] = value;
      return whole;
    });
  const calls = 'void gone(void) WEAK; void use(void) { gone(); }';
  return [
    made('block-own', {}),
    made('block-other', { stamp: OTHER_STAMP }),
    made('block-quiet', { stamp: OTHER_STAMP, constructors: false }),
    made('block-hidden', { options: ['-fvisibility=hidden'] }),
    made('block-undefined', { more: calls.replace('WEAK', '') }),
    made('block-weak', { more: calls.replace('WEAK', '__attribute__((weak))') }),
    changed('block-empty', () => new Uint8Array(0)),
    changed('block-text', () =>
      Buffer.from('no module at all, but a text of some length\n'.repeat(9)),
    ),
    ...[63, 64, 300, 4096, 8192, 12288].map((size) =>
      changed(`block-cut-${size}`, (whole) => whole.subarray(0, size)),
    ),
    changed('block-cut-one', (whole) => whole.subarray(0, -1)),
    changed('block-stripped', (whole) => whole.fill(0, 40, 48).fill(0, 58, 64)),
    byte('block-32-bit', 4, 1),
    byte('block-big-endian', 5, 2),
    byte('block-arm', 18, 183),
    byte('block-relocatable', 16, 1),
  ];
}

function nbdkitPairs(home: Suite): readonly Planned[] {
  const host = nbdkitOf(home);
  const version = host.facts.kind === 'nbdkit' ? (host.facts.version ?? '') : '';
  const plan =
    (make: (root: string) => string): Planned =>
    () => {
      const file = make(join(home.root, PLACE));
      const path = `${PLACE}/${basename(file, '.so')}/${basename(file)}`;
      mkdirSync(dirname(join(home.root, path)), { recursive: true });
      if (existsSync(file)) copyFileSync(file, join(home.root, path));
      return [pairOf(host, home, `made/${basename(file, '.so')}`, path)];
    };
  const filter = (name: string, options: Parameters<typeof makeFilter>[2]): Planned =>
    plan((root) => makeFilter(root, name, { version, ...options }));
  const plugin = (name: string, options: Parameters<typeof makePlugin>[2]): Planned =>
    plan((root) => makePlugin(root, name, options));
  const fills = 'plugin.calls[8] = open_it;';
  const filledBy = (name: string, body: string) =>
    `__attribute__((constructor)) static void ${name}(void) { ${body} }`;
  return [
    filter('own', {}),
    ...[-1, 0, 5, 7].map((api) => filter(`api${api + 1}`, { api })),
    filter('blank', { version: `${version} ` }),
    filter('older', { version: '1.2.3' }),
    plugin('own', {}),
    plugin('later', { size: 384, slots: [...NEEDED, 368, 376] }),
    plugin('cleanup', { size: 376, slots: [...NEEDED, 368] }),
    plugin('future', { size: 512, slots: [...NEEDED, 392, 400] }),
    plugin('huge', { size: 4096, slots: [...NEEDED, 800] }),
    ...[-1, 0, 1, 3].map((api) => plugin(`api${api + 1}`, { api })),
    plugin('first', { api: 1, slots: [88, 104, 144] }),
    ...NEEDED.map((slot) => plugin(`no${slot}`, { slots: NEEDED.filter((one) => one !== slot) })),
    ...[16, 100, 216].map((size) => plugin(`size${size}`, { size })),
    plugin('null', { body: 'return 0;' }),
    plugin('name_of', {}),
    plugin('filled', {
      slots: [104, 216],
      more: `${filledBy('one', fills)} ${filledBy('two', '')}`,
    }),
  ];
}
