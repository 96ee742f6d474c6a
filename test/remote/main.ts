import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ArchiveEntry } from '../../core/boot/index.js';
import { parseHostSpec } from '../../core/host/index.js';
import { XenHandle } from '../../core/hypervisor/xen/handle/handle.js';
import { remoteHypercalls } from '../../core/hypervisor/xen/handle/remote.js';
import { connect, openRemoteXen, type Transport } from '../../core/hypervisor/xen/index.js';
import type { RigHypervisor } from '../../rig/hypervisor.js';
import { folderEntries, type Dom0 as RigDom0 } from '../../rig/initramfs.js';
import type { Python } from '../../rig/network.js';
import type { RigRelease } from '../../rig/releases.js';
import { playsIn, task } from '../ansible/play.js';
import { BASIC_SCENARIOS } from '../scenarios/basic.js';
import { HOOK_SCENARIOS } from '../scenarios/hooks.js';
import { IDENTITY_SCENARIOS } from '../scenarios/identity.js';
import { REFUSAL_SCENARIOS } from '../scenarios/refusals.js';
import { Dom0, Family, type Scenario } from '../scenarios/scenario.js';
import { STACK_SCENARIOS } from '../scenarios/stack.js';
import { CLI, temporaryFolder } from '../support/cli.js';
import { prepareFamily } from '../support/family.js';
import { canRun, prepareReleases, releasesIn } from '../support/real-xen.js';
import { APP_FOLDER, projectEntries } from '../support/under-test.js';
import { bench } from './bench.js';
import { breakEverywhere } from './break.js';
import { cycle } from './cycles.js';
import { type RigHost, startRigHost } from './rig-host.js';
import { describeSudo } from './sudo.js';

const USAGE = `Boots real Xens under QEMU and manages them from here over ssh.

  npm run test:remote -- [--releases 4.17] [--python 3|2.7] [--only TEXT] [--first N] [--every N] [--bench | --sudo | --cycles N]

--first takes so many of the scenarios that npm run test:xen has; those of the connection itself run always.
The connection is broken at every Nth request of an apply of three: 1.
--sudo does nothing else than to try Debian's sudo, which is tried each time.
--bench does nothing else than to time an apply of ten: in dom0 itself, over ssh, and with 30 ms more there and back.
--cycles does nothing else than to apply and revert a payload so often, over one connection: 1000 take some minutes.
`;

/** Those that need nothing of the dom0 but its hypervisor. */
const SCENARIOS: readonly Scenario[] = [
  ...BASIC_SCENARIOS,
  ...STACK_SCENARIOS,
  ...IDENTITY_SCENARIOS,
  ...REFUSAL_SCENARIOS,
  ...HOOK_SCENARIOS,
].filter(
  ({ name, dies, measures }) =>
    dies === undefined && measures === undefined && !name.includes('stock tool'),
);

/** What runs. */
interface Choice {
  readonly scenarios: readonly Scenario[];
  readonly every: number;
  readonly isBench: boolean;
  /** So often a payload is applied and reverted, and nothing else; 0: what else there is. */
  readonly cycles: number;
}

interface Prepared {
  readonly hypervisor: RigHypervisor;
  readonly dom0: RigDom0;
  readonly family: Family;
}

/** What a test has at hand. */
export interface Far {
  readonly host: RigHost;
  readonly transport: Transport;
  readonly family: Family;
}

function transportOf(spec: string): Transport {
  const parsed = parseHostSpec(spec);
  assert.equal(parsed.kind, 'remote');
  return parsed.transport;
}

/** Every scenario over the same connection; a second one only looks. */
async function testScenarios(
  test: TestContext,
  { transport, family }: Far,
  release: RigRelease,
  scenarios: readonly Scenario[],
): Promise<void> {
  const connection = await connect(transport);
  const looking = await connect(transport);
  test.diagnostic(`agent: ${connection.hello.interpreter} on ${connection.hello.hostName}`);
  const { port } = await openRemoteXen(connection);
  const watch = await XenHandle.open(remoteHypercalls(looking));
  const another = async () => (await openRemoteXen(await connect(transport))).port;
  const dom0 = new Dom0(port, watch, release, family, 'share', another);
  try {
    for (const scenario of scenarios) {
      const why = scenario.notFor?.(release, family) ?? null;
      await test.test(scenario.name, { skip: why ?? false }, async (context) => {
        dom0.notes.length = 0;
        await dom0.clear();
        await scenario.run(dom0);
        for (const note of dom0.notes) context.diagnostic(note);
      });
    }
    await dom0.clear();
  } finally {
    await Promise.all([port.close(), watch.close()]);
  }
}

/** Runs the program as it is shipped on a host. */
function programFor(host: Far['host']) {
  return (...words: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [CLI, ...words, '--host', host.spec],
      { encoding: 'utf8' },
    );
    return { status, stdout, stderr };
  };
}

/** The program as it is shipped, over ssh. */
async function testProgram(test: TestContext, { host, family }: Far): Promise<void> {
  const run = programFor(host);
  const chain = ['chain-01', 'chain-02', 'chain-03'];
  await test.test('list, apply, list, revert by the program', () => {
    const empty = run('list', '--json');
    assert.equal(empty.status, 0, empty.stderr);
    const { host: spec, hypervisor } = JSON.parse(empty.stdout);
    assert.deepEqual([spec, hypervisor.buildId], [host.spec, family.manifest.hypervisor.buildId]);
    const files = chain.map((name) => family.path(name)).reverse();
    const applied = run('apply', ...files, '--yes', '--timeout', '1000');
    assert.equal(applied.status, 0, applied.stderr);
    const listed = run('list', '--json');
    const names = JSON.parse(listed.stdout).payloads.map((p: { name: string }) => p.name);
    assert.deepEqual(names, chain);
    const gone = run('unload', ...chain, '--yes');
    assert.equal(gone.status, 1, 'applied payloads are not unloaded');
    assert.equal(run('revert', '--to', 'base', '--yes', '--timeout', '1000').status, 0);
    assert.equal(run('unload', ...chain, '--yes').status, 0);
  });
}

/** What nobody confirms the agent takes back, alone on that machine; what somebody confirms stays. */
async function testConfirm(test: TestContext, { host, family }: Far): Promise<void> {
  const run = programFor(host);
  const list = () => JSON.parse(run('list', '--json').stdout);
  const files = ['chain-01', 'chain-02'].map((name) => family.path(name));
  await test.test('apply --confirm: taken back by the agent, or confirmed', async () => {
    const applied = run('apply', ...files, '--yes', '--timeout', '1000', '--confirm', '5');
    assert.equal(applied.status, 0, applied.stderr);
    let listed = list();
    for (let tries = 0; listed.payloads.length > 0 && tries < 60; tries++) {
      await pause(1000);
      listed = list();
    }
    assert.deepEqual([listed.payloads, listed.unconfirmed], [[], null]);
    assert.match(listed.findings[0]?.message, /not confirmed in time, and .* took back what it/);
    const again = run('apply', ...files, '--yes', '--timeout', '1000', '--confirm', '600');
    assert.equal(again.status, 0, again.stderr);
    assert.equal(list().unconfirmed.state, 'waiting');
    assert.equal(run('confirm').status, 0);
    assert.deepEqual([list().payloads.length, list().unconfirmed], [2, null]);
    assert.equal(run('revert', '--to', 'base', '--yes', '--timeout', '1000').status, 0);
    assert.equal(run('unload', 'chain-01', 'chain-02', '--yes').status, 0);
  });
}

/** A play of Ansible's against that Xen; needs ansible-core here. */
async function testPlay(test: TestContext, { family }: Far): Promise<void> {
  const isThere = spawnSync('ansible-playbook', ['--version']).status === 0;
  const skip = isThere ? false : 'there is no ansible-playbook here';
  const play = playsIn(temporaryFolder(test));
  const names = ['chain-01', 'chain-02', 'chain-03'];
  const payloads = names.map((name) => family.path(name));
  const applied = task('livepatch', { payloads, timeout: 1000 });
  await test.test('a play: check mode, applied, idempotent, reverted', { skip }, () => {
    const trial = play({ xen: '' }, [applied, task('livepatch_info', {})], ['--check', '--diff']);
    const done = play({ xen: '' }, [
      ...[applied, applied, task('livepatch_info', {})],
      ...[task('livepatch', { state: 'reverted', to: 'chain-01', timeout: 1000 })],
      ...[task('livepatch', { state: 'reverted', timeout: 1000 })],
      ...[task('livepatch', { state: 'reverted', timeout: 1000 })],
    ]);
    const told = ({ results }: ReturnType<typeof play>) =>
      (results['xen'] ?? []).map(({ changed, stack }) => [changed, stack]);
    assert.deepEqual(
      [trial.status, told(trial)],
      [
        0,
        [
          [true, names],
          [false, []],
        ],
      ],
      trial.output,
    );
    const expected = [
      ...[
        [true, names],
        [false, names],
        [false, names],
      ],
      ...[
        [true, ['chain-01']],
        [true, []],
        [false, []],
      ],
    ];
    assert.deepEqual([done.status, told(done)], [0, expected], done.output);
  });
  const left = spawnSync(process.execPath, [
    CLI,
    'unload',
    ...names,
    '--yes',
    '--host',
    'ssh://xen',
  ]);
  assert.equal(left.status, 0, String(left.stderr));
}

/** The lines of README's walk-through, in a dom0 that has live patches where XenServer has them. */
async function testTree(test: TestContext, { host, family }: Far): Promise<void> {
  const { buildId } = family.manifest.hypervisor;
  const folder = temporaryFolder(test);
  const names = ['lp_4_17_4__1_xs8__4_17_4__3_xs8', 'lp_4_17_4__1_xs8__4_17_4__6_xs8'];
  const [former = '', latest = ''] = names;
  const shell = (line: string, input?: Uint8Array) => {
    const { status, stderr } = spawnSync('sh', ['-c', line], {
      cwd: folder,
      ...(input ? { input } : {}),
    });
    assert.equal(status, 0, `${line}: ${stderr}`);
  };
  const program = (...words: readonly string[]) =>
    spawnSync(process.execPath, [CLI, ...words, '--host', host.spec], {
      ...{ cwd: folder, encoding: 'utf8' },
    });
  await test.test('a tree as XenServer has it: choose, replace, unload', () => {
    const own = `/usr/lib/xen-livepatch/${buildId}`;
    const other = `/usr/lib/xen-livepatch/${'0'.repeat(40)}`;
    shell(`ssh xen 'mkdir -p ${own} ${other}'`);
    shell(`ssh xen 'cat >${own}/${latest}.livepatch'`, family.bytes('replace'));
    shell(`ssh xen 'cat >${other}/${latest}.livepatch'`, family.bytes('bye'));
    shell(`cp ${family.path('hello')} ${former}.livepatch`);
    const first = program('load', `${former}.livepatch`, '--yes', '--timeout', '1000');
    assert.equal(first.status, 0, first.stderr);
    shell('ssh xen tar -c -C /usr/lib xen-livepatch | tar -x');
    const replaced = program('replace', 'xen-livepatch', '--yes', '--timeout', '1000');
    assert.equal(replaced.status, 0, replaced.stderr);
    const unloaded = program('unload', 'lp_4.17.4-1.xs8-4.17.4-3.xs8', '--yes');
    assert.equal(unloaded.status, 0, unloaded.stderr);
    const { payloads } = JSON.parse(program('list', '--json').stdout);
    const shown = payloads.map((p: { name: string; state: string }) => [p.name, p.state]);
    assert.deepEqual(shown, [['lp_4.17.4-1.xs8-4.17.4-6.xs8', 'APPLIED']]);
  });
}

function benchEntries(family: Family): readonly ArchiveEntry[] {
  return [
    ...projectEntries('test/remote/local-bench.js'),
    ...folderEntries(family.folder, `${APP_FOLDER}/family`),
  ];
}

async function testRelease(
  test: TestContext,
  { hypervisor, dom0, family }: Prepared,
  python: Python,
  { scenarios, every, isBench, cycles }: Choice,
): Promise<void> {
  const host = await startRigHost(
    ...([hypervisor, dom0, [python], isBench ? benchEntries(family) : []] as const),
  );
  test.diagnostic(`dom0 after ${(host.machine.bootMs / 1000).toFixed(1)} s`);
  const before = process.env['PATH'];
  process.env['PATH'] = `${host.path}:${before}`;
  const far: Far = { host, transport: transportOf(host.spec), family };
  try {
    if (isBench) {
      await bench(test, far);
      return;
    }
    if (cycles > 0) {
      await cycle(test, far, cycles);
      return;
    }
    await testScenarios(test, far, hypervisor.release, scenarios);
    await testProgram(test, far);
    await testConfirm(test, far);
    await testPlay(test, far);
    await testTree(test, far);
    await test.test('a connection that breaks at any request: no wrong report', (context) =>
      breakEverywhere(context, far, every),
    );
  } finally {
    process.env['PATH'] = before;
    await host.stop();
  }
}

function main(): void {
  const { values } = parseArgs({
    options: {
      releases: { type: 'string', default: '4.17' },
      python: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      first: { type: 'string', default: '1000' },
      every: { type: 'string', default: '1' },
      cycles: { type: 'string', default: '0' },
      bench: { type: 'boolean', default: false },
      sudo: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const releases = releasesIn(values.releases);
  const { python } = values;
  const isNumber = [values.first, values.every].every((text) => /^[1-9]\d{0,3}$/.test(text));
  const cycles = /^\d{1,5}$/.test(values.cycles) ? Number(values.cycles) : null;
  if (
    values.help ||
    !isNumber ||
    cycles === null ||
    releases === null ||
    (python !== '3' && python !== '2.7')
  ) {
    process.stderr.write(USAGE);
    process.exitCode = values.help ? 0 : 64;
    return;
  }
  if (!canRun()) return;
  if (!values.bench && cycles === 0) describeSudo();
  if (values.sudo) return;
  const scenarios = SCENARIOS.filter(({ name }) => name.includes(values.only));
  const preparing = prepareReleases(releases, async (hypervisor, dom0) => ({
    ...{ hypervisor, dom0 },
    family: new Family(await prepareFamily(hypervisor)),
  }));
  preparing.catch(() => undefined);
  describe('a real Xen over ssh', () => {
    for (const release of releases) {
      it(`Xen ${release.xen}, python ${python}`, async (test) => {
        const prepared = (await preparing).get(release);
        assert.ok(prepared);
        await testRelease(test, prepared, python, {
          scenarios: scenarios.slice(0, Number(values.first)),
          every: Number(values.every),
          isBench: values.bench,
          cycles,
        });
      });
    }
  });
}

main();
