import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { parseArgs } from 'node:util';
import type { RigHypervisor } from '../../rig/hypervisor.js';
import { type Dom0, folderEntries } from '../../rig/initramfs.js';
import { Machine, type MachineRequest } from '../../rig/machine.js';
import { Machines } from '../../rig/measuring.js';
import type { RigRelease } from '../../rig/releases.js';
import { prepareFamily } from '../support/family.js';
import { ALL_RELEASES, canRun, minutes, prepareReleases, releasesIn } from '../support/real-xen.js';
import { APP_FOLDER, projectEntries } from '../support/under-test.js';
import { prepareHazards } from './hazards/prepare.js';
import { scenariosOf } from './index.js';
import { DEATH_MARK, type Report, reportIn } from './report.js';
import { Family, type Scenario } from './scenario.js';

const USAGE = `Boots real Xens under QEMU and runs the scenarios in their dom0.

  npm run test:xen -- [--releases ${ALL_RELEASES}] [--only TEXT,…] [--all] [--seed N] [--machines N]

--only takes the scenarios whose names hold a TEXT. With --all the long ones run on every release, and those that
repeat something, such as to kill a manager, do so more often; without it each long one runs on one release, which
the seed chooses. N machines run at once, one a release: 3.
`;

/** A scenario that takes longer hangs: the machine is set back. */
const SCENARIO_LIMIT_MS = 300_000;
/** Twenty managers that share the only CPU of dom0, which is emulated, were seen to need 256 s. */
const LONG_SCENARIO_LIMIT_MS = 1_200_000;
/** Xen dies at once, or not. */
const DEATH_LIMIT_MS = 60_000;
/** Scenarios that fail are tried once more, so many; more than that is no accident. */
const MOST_SECOND_TRIES = 4;

/** Those that run scenarios now. */
const machines = new Machines();

/** A release with the payloads and the request of its machine. */
interface Prepared {
  readonly hypervisor: RigHypervisor;
  readonly family: Family;
  readonly request: MachineRequest;
}

async function prepare(hypervisor: RigHypervisor, dom0: Dom0, isAll: boolean): Promise<Prepared> {
  const folder = await prepareFamily(hypervisor);
  await prepareHazards(hypervisor, folder);
  const agent = 'test/scenarios/agent.js';
  const request: MachineRequest = {
    hypervisor: hypervisor.image,
    dom0,
    files: [
      ...projectEntries(agent),
      ...folderEntries(folder, `${APP_FOLDER}/family`),
      { path: `${APP_FOLDER}/xen.gz`, kind: 'file', bytes: readFileSync(hypervisor.image) },
    ],
    command: [
      // Its output is no terminal for the commands that it runs.
      `set -o pipefail; cd /${APP_FOLDER} && NO_COLOR=1 node dist/${agent}`,
      `--release ${hypervisor.release.xen} --family /${APP_FOLDER}/family ${isAll ? '--all' : ''} | cat`,
    ].join(' '),
  };
  return { hypervisor, family: new Family(folder), request };
}

function limitMsOf({ dies, isLong }: Scenario): number {
  if (dies === true) return DEATH_LIMIT_MS;
  return isLong === true ? LONG_SCENARIO_LIMIT_MS : SCENARIO_LIMIT_MS;
}

/** Runs a scenario. One that loses the machine fails with what was said last, and the machine is set back. */
async function runOn(machine: Machine, scenario: Scenario): Promise<Report> {
  const { name, measures, dies } = scenario;
  const started = performance.now();
  if (measures === true) machines.begin(machine);
  const answer = await machine.ask(name, limitMsOf(scenario));
  machines.end(machine);
  const report = answer.kind === 'answered' ? reportIn(answer.lines) : null;
  if (report !== null && dies === undefined) return report;
  const ms = performance.now() - started;
  if (report !== null) return { error: `Xen lived:\n${answer.lines.join('\n')}`, ...report };
  const words = machine.lastWords(answer);
  await machine.reset();
  if (answer.kind === 'died' && dies === true && answer.lines.includes(DEATH_MARK)) {
    return { ms, notes: [`Xen died: ${answer.reason}`, ...answer.lines] };
  }
  return { ms, error: `the machine was lost (${words})`, notes: [] };
}

/**
 * Runs a scenario; one that fails is tried once more on a machine that was set back, while `mayRepeat`: an
 * emulated machine that is late, or one of its programs that dies, says nothing about what is tested. A note says
 * what happened first.
 */
async function runTwice(
  machine: Machine,
  scenario: Scenario,
  mayRepeat: () => boolean,
): Promise<Report> {
  const first = await runOn(machine, scenario);
  if (first.error === undefined || !mayRepeat()) return first;
  await machine.reset();
  const second = await runOn(machine, scenario);
  if (second.error !== undefined) return second;
  const note = `it failed at first, and passed on a machine that was set back; the failure: ${first.error}`;
  return { ...second, notes: [...second.notes, note] };
}

/** Which scenarios run. */
interface Choice {
  readonly only: string;
  readonly isTurn: (scenario: Scenario, release: RigRelease) => boolean;
}

/** Each long scenario runs on one of the releases, the next one on the next. */
function turns(releases: readonly RigRelease[], seed: number): Choice['isTurn'] {
  const long = scenariosOf('').filter(({ isLong }) => isLong === true);
  return (scenario, release) => {
    const index = long.indexOf(scenario);
    return index < 0 || releases[(index + seed) % releases.length] === release;
  };
}

/** Runs the scenarios, each as a subtest. */
async function testRelease(
  test: TestContext,
  { hypervisor, family, request }: Prepared,
  { only, isTurn }: Choice,
): Promise<void> {
  const started = performance.now();
  const scenarios = scenariosOf(only);
  const whyNot = (scenario: Scenario) =>
    isTurn(scenario, hypervisor.release)
      ? (scenario.notFor?.(hypervisor.release, family) ?? null)
      : 'it runs on another release this time: --all';
  const able = scenarios.filter((scenario) => whyNot(scenario) === null);
  for (const scenario of scenarios.filter((one) => !able.includes(one))) {
    await test.test(scenario.name, (context) => context.skip(whyNot(scenario) ?? ''));
  }
  if (able.length === 0) return;
  const machine = await Machine.start(request);
  machines.add(machine);
  let tries = 0;
  const mayRepeat = () => tries++ < MOST_SECOND_TRIES;
  try {
    for (const scenario of able) {
      await test.test(scenario.name, async (context) => {
        const report = await runTwice(machine, scenario, mayRepeat);
        context.diagnostic(`took ${seconds(report.ms)}`);
        for (const note of report.notes) context.diagnostic(note);
        if (report.error !== undefined) throw new Error(report.error);
      });
    }
  } finally {
    machines.remove(machine);
    await machine.stop();
  }
  const all = minutes(performance.now() - started);
  const { bootMs } = machine;
  test.diagnostic(
    `Xen ${hypervisor.version}: ${able.length} scenarios in ${all}, dom0 after ${seconds(bootMs)}`,
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      releases: { type: 'string', default: ALL_RELEASES },
      only: { type: 'string', default: '' },
      all: { type: 'boolean', default: false },
      seed: { type: 'string', default: String(Date.now() % 1000) },
      // Each keeps one processor busy: dom0 has one CPU, and Xen's other one is idle but for a moment.
      machines: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  });
  const releases = releasesIn(values.releases);
  const isUsable =
    scenariosOf(values.only).length > 0 &&
    /^[1-9]$/.test(values.machines) &&
    /^\d{1,9}$/.test(values.seed);
  if (values.help || releases === null || !isUsable) {
    process.stderr.write(USAGE);
    process.exitCode = values.help ? 0 : 64;
    return;
  }
  if (!canRun()) return;
  const seed = Number(values.seed);
  if (!values.all) console.log(`long scenarios: seed ${seed}`);
  const isTurn = values.all ? () => true : turns(releases, seed);
  const preparing = prepareReleases(releases, (hypervisor, dom0) =>
    prepare(hypervisor, dom0, values.all),
  );
  // Who awaits it shows how it failed.
  preparing.catch(() => undefined);
  describe('real Xen', { concurrency: Number(values.machines) }, () => {
    for (const release of releases) {
      it(`Xen ${release.xen}`, async (test) => {
        await testRelease(test, preparedFor(await preparing, release), {
          only: values.only,
          isTurn,
        });
      });
    }
  });
}

function preparedFor(all: ReadonlyMap<RigRelease, Prepared>, release: RigRelease): Prepared {
  const prepared = all.get(release);
  assert.ok(prepared, `Xen ${release.xen} was not prepared`);
  return prepared;
}

main();
