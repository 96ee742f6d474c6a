import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { parseArgs } from 'node:util';
import type { ArchiveEntry } from './cpio.js';
import { prepareSubject } from './differential/subject.js';
import { EXTENTS, type Extent, testDifferential } from './differential/tests.js';
import { prepareFamily } from './family.js';
import { prepareHypervisor, type RigHypervisor } from './hypervisor.js';
import { type Dom0, folderEntries, prepareDom0 } from './initramfs.js';
import { Machines } from './measuring.js';
import { requirePrograms } from './packages.js';
import { type BootOutcome, boot } from './qemu.js';
import { RIG_RELEASES, type RigRelease } from './releases.js';
import { parseReport, type Report } from './report.js';
import { RigUnavailable } from './run.js';
import { scenariosOf } from './scenarios/index.js';
import { Family } from './scenarios/scenario.js';
import { APP_FOLDER, projectEntries } from './under-test.js';

const USAGE = `Boots real Xens under QEMU and runs the project in their dom0.

  npm run test:xen -- [--releases 4.14,4.17,4.20] [--only TEXT]
  npm run test:differential -- [--releases 4.14,4.17,4.20] [--variants N] [--sequences M] [--seed S]

The first runs the scenarios, of which --only takes those whose names hold TEXT; the second compares each
Xen with core/verify: N variants and M sequences made from the seed S, by default a new one.
`;

/**
 * Each keeps one processor busy: dom0 has one CPU, and Xen's other one is idle but for a moment. Scenarios have
 * time, so that all releases share the processors evenly; the differential stops waiting after seconds.
 */
const MACHINES_AT_ONCE = { scenarios: 3, differential: 2 } as const;
/** A machine that has not ended by then is stopped. */
const BOOT_LIMIT_MS = 900_000;
/** A scenario may take the hypervisor down: the rest runs on a new one, so many times. */
const MAX_BOOTS = 5;
/** Scenarios that fail are tried once more alone, so many; more than that is no accident. */
const MOST_SECOND_TRIES = 4;
/** Lines of the console that are shown when a hypervisor dies. */
const CONSOLE_TAIL_LINES = 25;

/** Those that run scenarios now. */
const machines = new Machines();

type Finished = Extract<Report, { kind: 'finished' }>;

/** What came of all scenarios on one release. */
interface ReleaseOutcome {
  readonly planned: readonly string[];
  readonly finished: ReadonlyMap<string, Finished>;
  /** Scenarios during which the machine was lost, with what it said last. */
  readonly lost: ReadonlyMap<string, string>;
  readonly boots: readonly BootOutcome[];
}

/** One word of a shell's command line. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function lastWords(outcome: BootOutcome): string {
  const { end } = outcome;
  const what = 'reason' in end ? `${end.kind}: ${end.reason}` : end.kind;
  const tail = outcome.console.trimEnd().split('\n').slice(-CONSOLE_TAIL_LINES).join('\n');
  return `the machine was lost (${what})\n${outcome.lines.slice(-20).join('\n')}\n${tail}`;
}

async function runScenarios(
  hypervisor: RigHypervisor,
  dom0: Dom0,
  only: string,
): Promise<ReleaseOutcome> {
  const family = await prepareFamily(hypervisor);
  const files: readonly ArchiveEntry[] = [
    ...projectEntries('test/xen/dom0/main.js'),
    ...folderEntries(family, `${APP_FOLDER}/family`),
    { path: `${APP_FOLDER}/xen.gz`, kind: 'file', bytes: readFileSync(hypervisor.image) },
  ];
  const finished = new Map<string, Finished>();
  const lost = new Map<string, string>();
  const boots: BootOutcome[] = [];
  let planned: readonly string[] = [];
  let after = '';
  const measuring = new Set(
    scenariosOf(only).flatMap(({ name, measures }) => (measures === true ? [name] : [])),
  );
  for (let count = 0; count < MAX_BOOTS; count++) {
    let running = '';
    const outcome = await boot({
      hypervisor: hypervisor.image,
      dom0,
      files,
      command: [
        // Its output is no terminal for the commands that it runs.
        `set -o pipefail; cd /${APP_FOLDER} && NO_COLOR=1 node dist/test/xen/dom0/main.js`,
        `--release ${hypervisor.release.xen} --family /${APP_FOLDER}/family`,
        `--only ${quoted(only)}`,
        after === '' ? '' : `--after ${quoted(after)}`,
        '| cat',
      ].join(' '),
      timeoutMs: BOOT_LIMIT_MS,
      onStart: (machine) => machines.add(machine),
      onEnd: (machine) => machines.remove(machine),
      onLine: (line, machine) => {
        const report = parseReport(line);
        if (report?.kind === 'planned') planned = report.names;
        if (report?.kind === 'started') {
          running = report.name;
          if (measuring.has(running)) machines.begin(machine);
        }
        if (report?.kind === 'finished') {
          finished.set(report.name, report);
          running = '';
          machines.end(machine);
        }
      },
    });
    boots.push(outcome);
    if (outcome.end.kind === 'ended' && outcome.end.status === 0) break;
    if (running === '') throw new Error(lastWords(outcome));
    lost.set(running, lastWords(outcome));
    after = running;
  }
  return { planned, finished, lost, boots };
}

/**
 * The outcome with what failed tried once more, each alone in a boot of its own: an emulated machine that is
 * late, or one of its programs that dies, says nothing about what is tested. A note says what happened first.
 */
async function withSecondTries(
  hypervisor: RigHypervisor,
  dom0: Dom0,
  first: ReleaseOutcome,
): Promise<ReleaseOutcome> {
  const finished = new Map(first.finished);
  const lost = new Map(first.lost);
  const failed = first.planned.filter(
    (name) => lost.has(name) || finished.get(name)?.error !== undefined,
  );
  for (const name of failed.slice(0, MOST_SECOND_TRIES)) {
    const reason = lost.get(name) ?? finished.get(name)?.error ?? '';
    const second = await runScenarios(hypervisor, dom0, name);
    const result = second.finished.get(name);
    if (result === undefined || result.error !== undefined) continue;
    const note = `it failed at first, and passed in a boot of its own; the failure: ${reason}`;
    finished.set(name, { ...result, notes: [...result.notes, note] });
    lost.delete(name);
  }
  return { ...first, finished, lost };
}

/** Runs the scenarios and shows each as a subtest. */
async function testScenarios(
  test: TestContext,
  hypervisor: RigHypervisor,
  dom0: Dom0,
  only: string,
): Promise<void> {
  const { release } = hypervisor;
  const family = new Family(await prepareFamily(hypervisor));
  const scenarios = scenariosOf(only).map(({ name, notFor }) => {
    return { name, why: notFor?.(release, family) ?? null };
  });
  if (scenarios.every(({ why }) => why !== null)) {
    for (const { name, why } of scenarios) await test.test(name, (t) => t.skip(why ?? ''));
    return;
  }
  const once = await runScenarios(hypervisor, dom0, only);
  const outcome = await withSecondTries(hypervisor, dom0, once);
  const [first] = outcome.boots;
  test.diagnostic(
    `Xen ${hypervisor.version}: dom0 after ${seconds(first?.bootMs)}, all after ${seconds(first?.totalMs)}, ${outcome.boots.length} boot(s)`,
  );
  assert.ok(outcome.planned.length > 0, 'no scenario has such a name');
  for (const name of outcome.planned) {
    await test.test(name, (scenario) => {
      const lost = outcome.lost.get(name);
      assert.equal(lost, undefined, lost);
      const result = outcome.finished.get(name);
      assert.ok(result, 'it did not run');
      scenario.diagnostic(`took ${seconds(result.ms)}`);
      for (const note of result.notes) scenario.diagnostic(note);
      if (result.skipped !== undefined) scenario.skip(result.skipped);
      else if (result.error !== undefined) throw new Error(result.error);
    });
  }
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? 'never' : `${(ms / 1000).toFixed(1)} s`;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      releases: { type: 'string', default: RIG_RELEASES.map(({ xen }) => xen).join(',') },
      only: { type: 'string', default: '' },
      differential: { type: 'boolean', default: false },
      variants: { type: 'string' },
      sequences: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const wanted = values.releases.split(',');
  const releases = RIG_RELEASES.filter(({ xen }) => wanted.includes(xen));
  const numbers = [values.variants, values.sequences, values.seed];
  const { only, differential } = values;
  const isSomething = differential || scenariosOf(only).length > 0;
  const areNumbers = numbers.every((text) => text === undefined || /^\d{1,10}$/.test(text));
  if (values.help || releases.length !== wanted.length || !areNumbers || !isSomething) {
    process.stderr.write(USAGE);
    process.exitCode = values.help ? 0 : 64;
    return;
  }
  try {
    requirePrograms();
  } catch (error) {
    if (!(error instanceof RigUnavailable)) throw error;
    process.stderr.write(`The rig cannot run here: ${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  const seed = Number(values.seed ?? randomInt(2 ** 31));
  const extentOf = ({ xen }: RigRelease): Extent => ({
    seed,
    variants: Number(values.variants ?? EXTENTS[xen].variants),
    sequences: Number(values.sequences ?? EXTENTS[xen].sequences),
  });
  const preparing = prepareAll(releases);
  // Who awaits it shows how it failed.
  preparing.catch(() => undefined);
  if (differential) {
    describe('real Xen and core/verify', { concurrency: MACHINES_AT_ONCE.differential }, () => {
      for (const release of releases) {
        it(`Xen ${release.xen}`, async (test) => {
          const { dom0, hypervisors } = await preparing;
          const subject = await prepareSubject(hypervisorOf(hypervisors, release), dom0);
          await testDifferential(test, subject, extentOf(release));
        });
      }
    });
    return;
  }
  describe('real Xen', { concurrency: MACHINES_AT_ONCE.scenarios }, () => {
    for (const release of releases) {
      it(`Xen ${release.xen}`, async (test) => {
        const { dom0, hypervisors } = await preparing;
        await testScenarios(test, hypervisorOf(hypervisors, release), dom0, only);
      });
    }
  });
}

/** What machines are made of. */
interface Prepared {
  readonly dom0: Dom0;
  readonly hypervisors: ReadonlyMap<RigRelease, RigHypervisor>;
}

async function prepareAll(releases: readonly RigRelease[]): Promise<Prepared> {
  const dom0 = await prepareDom0();
  const hypervisors = new Map<RigRelease, RigHypervisor>();
  for (const release of releases) {
    const hypervisor = await prepareHypervisor(release);
    await prepareFamily(hypervisor);
    hypervisors.set(release, hypervisor);
  }
  return { dom0, hypervisors };
}

function hypervisorOf(hypervisors: Prepared['hypervisors'], release: RigRelease): RigHypervisor {
  const hypervisor = hypervisors.get(release);
  assert.ok(hypervisor, `Xen ${release.xen} was not prepared`);
  return hypervisor;
}

main();
