import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { diskEntries, makeDisk, mountDisk } from '../../rig/disk.js';
import { folderEntries } from '../../rig/initramfs.js';
import { Machine, type MachineRequest } from '../../rig/machine.js';
import type { RigRelease } from '../../rig/releases.js';
import { judgeCycles, type Seen } from '../support/cycles.js';
import { prepareFamily } from '../support/family.js';
import { canRun, prepareReleases, releasesIn } from '../support/real-xen.js';
import { APP_FOLDER, projectEntries } from '../support/under-test.js';
import { type Ended, INTENT, type Question } from './question.js';

const USAGE = `Boots real Xens whose dom0 has a disk, takes their power away in the middle of a change, and boots again.

  npm run test:boot -- [--releases 4.17,4.20] [--kill-at N,…] [--cycles N]

--kill-at: the steps of apply and of restore at which QEMU is killed. --cycles: so often a payload is applied and
reverted in one process (20; 1000 take some ten minutes a release).
`;

const ASK_LIMIT_MS = 300_000;
/** What is saved, and what is applied on it: twice as many. A chain of so many has as many uploads, then as many applies. */
const SAVED = ['chain-01', 'chain-02', 'chain-03'];
const MORE = ['chain-04', 'chain-05', 'chain-06'];
/** Emulated CPUs of a busy machine need longer to meet. */
const SLOW = ['--timeout', '500'];

/** A dom0 whose /var/lib outlives it. */
class Host {
  readonly #request: MachineRequest;
  #machine: Machine | null = null;

  constructor(request: MachineRequest) {
    this.#request = request;
  }

  async boot(): Promise<void> {
    this.#machine = await Machine.start(this.#request);
  }

  /** What a loss of power leaves. */
  async powerOff(): Promise<void> {
    await this.#machine?.stop();
    this.#machine = null;
  }

  /** The line that the agent said last. */
  async ask(question: Question, limitMs = ASK_LIMIT_MS): Promise<string> {
    const machine = this.#running();
    const answer = await machine.ask(JSON.stringify(question), limitMs);
    assert.equal(answer.kind, 'answered', machine.lastWords(answer));
    return answer.lines.at(-1) ?? '';
  }

  async run(...words: readonly string[]): Promise<Ended> {
    return JSON.parse(await this.ask({ words }));
  }

  /** Runs the program, and takes the power away once it has begun so many steps. */
  async killAt(step: number, ...words: readonly string[]): Promise<void> {
    const machine = this.#running();
    const asked = machine.ask(JSON.stringify({ words }), ASK_LIMIT_MS);
    const begun = () =>
      machine.said.some(
        (line) => line.startsWith(INTENT) && Number(line.slice(INTENT.length)) >= step,
      );
    const end = Date.now() + ASK_LIMIT_MS;
    while (!begun()) {
      assert.ok(Date.now() < end, `step ${step} of ${words.join(' ')} was not begun`);
      await sleep(1);
    }
    await this.powerOff();
    const { kind } = await asked;
    assert.notEqual(kind, 'answered', 'it was done before the power went away');
  }

  #running(): Machine {
    assert.ok(this.#machine, 'it is off');
    return this.#machine;
  }
}

interface Status {
  readonly isAsWanted: boolean;
  readonly applied: readonly { readonly name: string }[];
  readonly missing: readonly { readonly name: string }[];
  readonly last: { readonly verb: string; readonly state: string } | null;
  readonly findings: readonly { readonly code: string }[];
}

async function statusOf(host: Host): Promise<Status & { readonly code: number | null }> {
  const { status, stdout, stderr } = await host.run('status', '--json');
  assert.ok(status === 0 || status === 4, stderr);
  return { ...JSON.parse(stdout), code: status };
}

function namesIn(places: readonly { readonly name: string }[]): readonly string[] {
  return places.map(({ name }) => name);
}

async function done(host: Host, ...words: readonly string[]): Promise<Ended> {
  const ended = await host.run(...words);
  assert.equal(ended.status, 0, `${words.join(' ')}\n${ended.stderr}${ended.stdout}`);
  return ended;
}

/** The machine loses its power while a change and then a restore is under way; each boot finds its stack. */
async function losePower(host: Host, killAt: number, context: TestContext): Promise<void> {
  const file = (name: string) => `/${APP_FOLDER}/family/${name}.livepatch`;
  const told = (text: string) => {
    context.diagnostic(text);
    // Who waits sees that it goes on.
    process.stderr.write(`${context.name}: ${text}\n`);
  };
  await host.boot();
  await done(host, 'apply', ...SAVED.map(file), '--yes', ...SLOW);
  await done(host, 'save');
  await host.killAt(killAt, 'apply', ...MORE.map(file), '--yes', ...SLOW);
  told(`power lost at step ${killAt} of apply`);

  await host.boot();
  const after = await statusOf(host);
  assert.deepEqual([after.code, namesIn(after.applied)], [4, []]);
  assert.deepEqual(namesIn(after.missing), SAVED);
  assert.deepEqual([after.last?.verb, after.last?.state], ['apply', 'open']);
  assert.ok(after.findings.some(({ code }) => code === 'change-interrupted'));
  await done(host, 'restore', ...SLOW);
  const restored = await statusOf(host);
  assert.deepEqual([restored.code, namesIn(restored.applied)], [0, SAVED]);
  assert.deepEqual([restored.last?.verb, restored.last?.state], ['restore', 'done']);
  told('the saved stack is restored');
  await host.powerOff();

  await host.boot();
  await host.killAt(killAt, 'restore', ...SLOW);
  told(`power lost at step ${killAt} of restore`);
  await host.boot();
  const again = await host.run('restore', ...SLOW);
  const blocked = await statusOf(host);
  const stack = namesIn(blocked.applied);
  // What it was at may have killed the host: that one is left out, and what is above it.
  assert.deepEqual([again.status, blocked.code], [4, 4], again.stdout + again.stderr);
  assert.ok(stack.length < SAVED.length);
  assert.deepEqual(stack, SAVED.slice(0, stack.length));
  told(`${stack.length} of ${SAVED.length} are restored: the rest waits for somebody`);
  await done(host, 'apply', ...SAVED.map(file), '--yes', ...SLOW);
  await done(host, 'save');
  await host.powerOff();

  await host.boot();
  await done(host, 'restore', ...SLOW);
  assert.deepEqual(namesIn((await statusOf(host)).applied), SAVED);
  assert.match((await done(host, 'restore', ...SLOW)).stdout, /The saved stack is applied/);
  told('saved anew, it is restored');
  await host.powerOff();
}

/** A payload is applied and reverted again and again: nothing grows but the journal, up to its bound. */
async function cycle(host: Host, cycles: number, context: TestContext): Promise<void> {
  await host.boot();
  const payload = `/${APP_FOLDER}/family/hello.livepatch`;
  const limitMs = ASK_LIMIT_MS + cycles * 10_000;
  const { elapsedMs, seen } = JSON.parse(await host.ask({ cycles, payload }, limitMs)) as {
    readonly elapsedMs: number;
    readonly seen: readonly Seen[];
  };
  await host.powerOff();
  judgeCycles(context, seen, elapsedMs);
}

function main(): void {
  const { values } = parseArgs({
    options: {
      releases: { type: 'string', default: '4.17,4.20' },
      'kill-at': { type: 'string', default: '4' },
      cycles: { type: 'string', default: '20' },
      help: { type: 'boolean', default: false },
    },
  });
  const releases = releasesIn(values.releases);
  const isUsable = /^\d+(,\d+)*$/.test(values['kill-at']) && /^\d{1,5}$/.test(values.cycles);
  if (values.help || releases === null || !isUsable) {
    process.stderr.write(USAGE);
    process.exitCode = values.help ? 0 : 64;
    return;
  }
  if (!canRun()) return;
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-boot-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const preparing = prepareReleases(releases, async (hypervisor, dom0) => ({
    hypervisor: hypervisor.image,
    dom0,
    files: [
      ...projectEntries('test/boot/agent.js'),
      ...folderEntries(await prepareFamily(hypervisor), `${APP_FOLDER}/family`),
      ...(await diskEntries()),
    ],
    command: `${mountDisk('/var/lib')}; cd /${APP_FOLDER} && NO_COLOR=1 node dist/test/boot/agent.js`,
  }));
  preparing.catch(() => undefined);
  /** A host with an empty disk of its own. */
  const hostOf = async (release: RigRelease, name: string): Promise<Host> => {
    const request = (await preparing).get(release);
    assert.ok(request);
    const disk = join(folder, `${release.xen}-${name}.qcow2`);
    makeDisk(disk);
    return new Host({ ...request, disk });
  };
  const alone = async (host: Host, run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } finally {
      await host.powerOff();
    }
  };
  describe('a boot of a real Xen', () => {
    for (const release of releases) {
      for (const step of values['kill-at'].split(',').map(Number)) {
        it(`Xen ${release.xen}: power lost at step ${step}`, async (context) => {
          const host = await hostOf(release, `power-${step}`);
          await alone(host, () => losePower(host, step, context));
        });
      }
      if (values.cycles !== '0') {
        it(`Xen ${release.xen}: ${values.cycles} cycles`, async (context) => {
          const host = await hostOf(release, 'cycles');
          await alone(host, () => cycle(host, Number(values.cycles), context));
        });
      }
    }
  });
}

main();
