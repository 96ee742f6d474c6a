import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { unpackRoot } from '../../rig/packages.js';
import { documentOf } from '../support/cli.js';

/**
 * Prints how long `lockstep --root` takes for real trees of Debian packages: QEMU for one machine with nbdkit and
 * Xen's programs, and QEMU for all machines. Fetches them where they are not in the rig's cache:
 *
 *     node dist/test/bench/lockstep.js [SUITE]
 */
const ROUNDS = 5;
/** Milliseconds of wall time, for a tree of 500 modules. */
const GOAL = 3000;
const MODULES = 500;

const SMALL = [
  'qemu-system-x86',
  'qemu-utils',
  'qemu-block-extra',
  'qemu-system-gui',
  'qemu-system-modules-opengl',
  'qemu-system-modules-spice',
  'libnbd-bin',
  'nbdkit',
  'nbdkit-plugin-python',
  'xen-utils-4.20',
];
const ALL = [
  ...SMALL,
  ...['arm', 'mips', 'misc', 'ppc', 'riscv', 's390x', 'sparc'].map((one) => `qemu-system-${one}`),
];

const program = fileURLToPath(new URL('../../bin/xsplice-ts.js', import.meta.url));
const [suite = 'trixie'] = process.argv.slice(2);
for (const packages of [SMALL, ALL]) {
  const { root } = await unpackRoot(suite, packages);
  const asked = Array.from({ length: ROUNDS }, () => ask(root));
  const [first] = asked;
  const best = Math.min(...asked.map(({ elapsedMs }) => elapsedMs));
  const [hosts, verdicts] = [first?.hosts ?? 0, first?.verdicts ?? 0];
  const of500 = (best * MODULES) / verdicts;
  const each = `${of500.toFixed(0)} ms for ${MODULES}`;
  console.log(
    `${hosts} hosts, ${verdicts} verdicts: ${best.toFixed(0)} ms (best of ${ROUNDS}), ${each}, goal ${GOAL} ms: ${of500 < GOAL ? 'met' : 'missed'}`,
  );
}

function ask(root: string) {
  const started = performance.now();
  const words = [program, 'lockstep', '--root', root, '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  const elapsedMs = performance.now() - started;
  if (status === null || status > 3) throw new Error(`lockstep ended with ${status}: ${stderr}`);
  const document = documentOf({ code: status, stdout, stderr });
  const hosts = (document['hosts'] ?? []) as readonly { readonly modules: readonly unknown[] }[];
  const verdicts = hosts.reduce((sum, { modules }) => sum + modules.length, 0);
  return { elapsedMs, hosts: hosts.length, verdicts };
}
