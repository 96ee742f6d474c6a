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
  const best = (of: 'wallMs' | 'cpuMs') => Math.min(...asked.map((one) => one[of]));
  const [hosts, verdicts] = [asked[0]?.hosts ?? 0, asked[0]?.verdicts ?? 0];
  const of500 = (best('wallMs') * MODULES) / verdicts;
  console.log(
    `${hosts} hosts, ${verdicts} verdicts: ${best('wallMs')} ms, ${best('cpuMs')} ms of CPU (best of ${ROUNDS}); ` +
      `${MODULES} in ${of500.toFixed(0)} ms, goal ${GOAL} ms: ${of500 < GOAL ? 'met' : 'missed'}`,
  );
}

/** The shell says what the program took of the clock and of the processors. */
function ask(root: string) {
  const words = ['-c', 'time -p "$@"', 'time', process.execPath, program];
  const options = { encoding: 'utf8', maxBuffer: 1 << 30 } as const;
  const { status, stdout, stderr } = spawnSync(
    'bash',
    [...words, 'lockstep', '--root', root, '--json'],
    options,
  );
  if (status === null || status > 3) throw new Error(`lockstep ended with ${status}: ${stderr}`);
  const document = documentOf({ code: status, stdout, stderr });
  const hosts = (document['hosts'] ?? []) as readonly { readonly modules: readonly unknown[] }[];
  const verdicts = hosts.reduce((sum, { modules }) => sum + modules.length, 0);
  const took = (what: string) =>
    1000 * Number(new RegExp(`^${what} (\\S+)$`, 'm').exec(stderr)?.[1] ?? Number.NaN);
  return {
    wallMs: took('real'),
    cpuMs: took('user') + took('sys'),
    hosts: hosts.length,
    verdicts,
  };
}
