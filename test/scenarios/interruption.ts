import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { executePlan } from '../../core/change/index.js';
import { XspliceError } from '../../core/findings/index.js';
import type { Action, HypervisorPort } from '../../core/hypervisor/index.js';
import { contentsOf, inputFile, readPayloadInputs } from '../../core/payload/index.js';
import { planApply } from '../../core/stack/index.js';
import { CHAIN } from '../support/chain-length.js';
import {
  folderOf,
  listedStack,
  PATIENT,
  type ProgramEnd,
  type RunningProgram,
  runTo,
  start,
  wordsOf,
} from './program.js';
import type { Dom0, Scenario } from './scenario.js';

/** A run is interrupted once so many payloads of the chain are applied. */
const MIDDLE = 2;
/** Signals that ask the program to stop; SIGHUP is a broken ssh session. */
const STOPPING = ['SIGINT', 'SIGHUP'] as const;
/** So many are enough to be killed between them. */
const KILLED_LENGTH = 4;
/** How often it is killed, and how many managers run at once: as a part, and with --all. */
const [FEWEST_MOMENTS, MOST_MOMENTS] = [3, 10];
const [FEWEST_MANAGERS, MOST_MANAGERS] = [4, 20];
/** A lock is held for so long: less than others wait for it. */
const HELD_MS = 5000;
/** Each takes ten milliseconds or more. To look is work for the only CPU of dom0, which the program needs. */
const LOOK_EACH_MS = 25;
/** So many of the chain are enough for a middle. */
const MEMBERS = CHAIN.slice(0, 9);
const OPTIONS = { timeoutNs: 4_000_000_000, keepGoing: false, retries: 12 } as const;

function chainFolder(dom0: Dom0): string {
  return folderOf(
    dom0,
    MEMBERS.map((name) => [name, name]),
  );
}

/** Sends a signal to the run once it came so far, and waits for its end; null where it was over before that. */
async function signalWhen(
  isTime: () => Promise<boolean>,
  running: RunningProgram,
  signal: NodeJS.Signals,
): Promise<ProgramEnd | null> {
  let isOver = false;
  void running.end.then(() => {
    isOver = true;
  });
  while (!isOver && !(await isTime())) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EACH_MS));
  }
  if (isOver) return null;
  running.process.kill(signal);
  return running.end;
}

/** Sends a signal to the run in the middle of the chain, and waits for its end. */
async function interrupt(
  dom0: Dom0,
  running: RunningProgram,
  signal: NodeJS.Signals,
): Promise<ProgramEnd> {
  const isTime = async () => (await dom0.appliedCount()) >= MIDDLE;
  const end = await signalWhen(isTime, running, signal);
  assert.ok(end !== null, 'it was over before it could be interrupted');
  return end;
}

/** A plan to apply these members, with the bytes to upload, from what is there now. */
async function planFor(dom0: Dom0, members: readonly string[]) {
  const inputs = members.map((name) => inputFile(dom0.family.path(name), dom0.family.bytes(name)));
  const payloads = readPayloadInputs(inputs).map(({ planned }) => planned);
  const plan = planApply(await dom0.port.observe(), payloads, { host: dom0.port.host });
  return { plan, contents: contentsOf(inputs) };
}

/** The port, with something done before each action. */
function actingFirst(
  port: HypervisorPort,
  before: (name: string, action: Action) => Promise<void>,
): HypervisorPort {
  return {
    host: port.host,
    observe: () => port.observe(),
    upload: (name, bytes) => port.upload(name, bytes),
    act: async (name, action, options) => {
      await before(name, action);
      return port.act(name, action, options);
    },
    exclusive: (run) => port.exclusive(run),
    close: () => port.close(),
  };
}

/** Work that does not go to its end, and managers that meet. */
export const INTERRUPTION_SCENARIOS: readonly Scenario[] = [
  ...STOPPING.map(
    (signal): Scenario => ({
      name: `interruption: ${signal} in the middle takes back what was done (R13, A2)`,
      run: async (dom0) => {
        const original = await dom0.extraVersion();
        const running = start('apply', chainFolder(dom0), ...PATIENT);
        const end = await interrupt(dom0, running, signal);
        assert.equal(end.status, 128 + constants.signals[signal], wordsOf(end));
        assert.match(end.stderr, /Interrupted: what was done is taken back/);
        assert.deepEqual((await dom0.port.observe()).payloads, []);
        assert.equal(await dom0.extraVersion(), original);
      },
    }),
  ),
  {
    name: 'interruption: after SIGKILL in the middle the next run continues, or cleans',
    isLong: true,
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      const folder = chainFolder(dom0);
      for (const next of ['continue', 'clean'] as const) {
        const end = await interrupt(dom0, start('apply', folder, ...PATIENT), 'SIGKILL');
        assert.equal(end.signal, 'SIGKILL', wordsOf(end));
        const left = await dom0.stack();
        assert.ok(left.length >= MIDDLE && left.length < MEMBERS.length, `${left.length} applied`);
        assert.deepEqual(left, MEMBERS.slice(0, left.length));
        dom0.notes.push(`${left.length} of ${MEMBERS.length} were applied: ${next}`);
        if (next === 'continue') {
          await runTo(0, 'apply', folder, ...PATIENT);
          assert.deepEqual(await dom0.stack(), MEMBERS);
        } else {
          const listed = await listedStack();
          assert.deepEqual(
            listed.map(({ name, position }) => [name, position]),
            left.map((name, index) => [name, index + 1]),
          );
          await runTo(0, 'revert', '--to', 'base', ...PATIENT);
          await runTo(0, 'unload', ...MEMBERS, '--yes');
          assert.deepEqual((await dom0.port.observe()).payloads, []);
          assert.equal(await dom0.extraVersion(), original);
        }
        await dom0.clear();
      }
    },
  },
  {
    name: 'interruption: killed at any moment, the next command finds a part of the chain and completes it',
    isLong: true,
    run: async (dom0) => {
      const names = MEMBERS.slice(0, KILLED_LENGTH);
      const folder = folderOf(
        dom0,
        names.map((name) => [name, name]),
      );
      // Each payload is loaded and then applied. Time says nothing of that: one run is slower than another.
      const steps = 2 * names.length;
      const moments = dom0.extent === 'whole' ? MOST_MOMENTS : FEWEST_MOMENTS;
      const found: { readonly loaded: number; readonly applied: number }[] = [];
      for (let moment = 0; moment < moments; moment++) {
        await dom0.clear();
        const after = Math.round((steps * moment) / moments);
        const running = start('apply', folder, ...PATIENT);
        const isTime = async () => {
          const { loaded, applied } = await dom0.counts();
          return loaded + applied >= after;
        };
        const end = (await signalWhen(isTime, running, 'SIGKILL')) ?? (await running.end);
        const left = await dom0.stack();
        const words = wordsOf(end);
        found.push(await dom0.counts());
        assert.deepEqual(left, names.slice(0, left.length), words);
        await runTo(0, 'apply', folder, ...PATIENT);
        assert.deepEqual(await dom0.stack(), names, words);
      }
      const each = found.map(({ loaded, applied }) => `${loaded}/${applied}`).join(' ');
      dom0.notes.push(`loaded/applied when it was killed, of ${names.length}: ${each}`);
      assert.ok(
        found.some(({ applied }) => applied > 0 && applied < names.length),
        `never in the middle: ${each}`,
      );
    },
  },
  {
    name: 'interruption: many managers at once leave one whole chain, and none is blocked',
    isLong: true,
    run: async (dom0) => {
      const names = MEMBERS.slice(0, KILLED_LENGTH);
      const folder = folderOf(
        dom0,
        names.map((name) => [name, name]),
      );
      const count = dom0.extent === 'whole' ? MOST_MANAGERS : FEWEST_MANAGERS;
      const ends = await Promise.all(
        Array.from({ length: count }, () => start('apply', folder, ...PATIENT).end),
      );
      const words = ends.map(wordsOf).join('\n');
      const statuses = ends.map(({ status }) => status);
      assert.ok(statuses.includes(0), words);
      assert.ok(
        statuses.every((status) => status === 0 || status === 1 || status === 2),
        words,
      );
      await runTo(0, 'apply', folder, ...PATIENT);
      assert.deepEqual(await dom0.stack(), names, words);
      const of = (wanted: number) => statuses.filter((status) => status === wanted).length;
      dom0.notes.push(`${count} managers: ${of(0)} ended with 0, ${of(1)} with 1, ${of(2)} with 2`);
    },
  },
  {
    name: 'interruption: of two managers at once one wins, and the other leaves nothing behind',
    isLong: true,
    run: async (dom0) => {
      const stacks = [['hello', 'bye'], CHAIN.slice(0, 2)] as const;
      const folders = stacks.map((names) =>
        folderOf(
          dom0,
          names.map((name) => [name, name]),
        ),
      );
      const ends = await Promise.all(
        folders.map((folder) => start('apply', folder, ...PATIENT).end),
      );
      const words = ends.map(wordsOf).join('\n');
      const winners = stacks.filter((_, index) => ends[index]?.status === 0);
      assert.equal(winners.length, 1, words);
      const loser = ends.find(({ status }) => status !== 0);
      assert.match(loser?.stderr ?? '', /no longer as it was|Xen refused|busy|builds on/, words);
      assert.ok(loser?.status === 1 || loser?.status === 2, words);
      const { payloads } = await dom0.port.observe();
      assert.deepEqual(
        payloads.map(({ name, state, position }) => [name, state, position]),
        winners[0]?.map((name, index) => [name, 'APPLIED', index + 1]),
        words,
      );
      dom0.notes.push(`the other one ended with ${loser?.status}: ${loser?.stderr.split('\n')[0]}`);
    },
  },
  {
    name: 'interruption: of two plans at once one is carried out, and the other is out of date then',
    run: async (dom0) => {
      const other = await dom0.another();
      try {
        const stacks = [['hello', 'bye'], CHAIN.slice(0, 2)] as const;
        const plans = [await planFor(dom0, stacks[0]), await planFor(dom0, stacks[1])];
        const ends = await Promise.allSettled(
          [dom0.port, other].map((port, index) => {
            const { plan, contents } = plans[index] ?? assert.fail();
            return executePlan(port, plan, contents, OPTIONS);
          }),
        );
        const winner = ends.findIndex(({ status }) => status === 'fulfilled');
        const [lost, ...more] = ends.filter(({ status }) => status === 'rejected');
        assert.ok(lost?.status === 'rejected' && more.length === 0, JSON.stringify(ends));
        assert.equal(lost.reason.code, 'stale-plan');
        assert.deepEqual(await dom0.stack(), stacks[winner]);
      } finally {
        await other.close();
      }
    },
  },
  {
    name: 'interruption: a change waits for the one under way, and who only looks does not (R3)',
    run: async (dom0) => {
      let isOver = false;
      const other = await dom0.another();
      try {
        const holding = other.exclusive(async () => {
          await new Promise((resolve) => setTimeout(resolve, HELD_MS));
          isOver = true;
        });
        assert.deepEqual(await listedStack(), []);
        assert.ok(!isOver, 'list did not wait');
        await runTo(0, 'apply', dom0.family.path('hello'), ...PATIENT);
        assert.ok(isOver, 'apply waited');
        await holding;
        assert.deepEqual(await dom0.stack(), ['hello']);
      } finally {
        await other.close();
      }
    },
  },
  {
    name: 'interruption: two managers that apply the same chain leave one whole chain',
    isLong: true,
    run: async (dom0) => {
      const folder = chainFolder(dom0);
      const ends = await Promise.all([1, 2].map(() => start('apply', folder, ...PATIENT).end));
      const words = ends.map(wordsOf).join('\n');
      assert.ok(
        ends.every(({ status }) => status === 0 || status === 1 || status === 2),
        words,
      );
      // Whatever was left, the next run completes it.
      await runTo(0, 'apply', folder, ...PATIENT);
      assert.deepEqual(await dom0.stack(), MEMBERS, words);
      dom0.notes.push(`they ended with ${ends.map(({ status }) => status).join(' and ')}`);
    },
  },
  {
    name: 'interruption: a payload unloaded by someone else makes the plan stale',
    run: async (dom0) => {
      dom0.expect(await dom0.upload('hello'), [0, 0]);
      const { plan, contents } = await planFor(dom0, ['hello', 'bye']);
      const other = await dom0.another();
      try {
        await other.act('hello', 'UNLOAD', { timeoutNs: 0, nodeps: false });
      } finally {
        await other.close();
      }
      await assert.rejects(
        executePlan(dom0.port, plan, contents, OPTIONS),
        (error: unknown) => error instanceof XspliceError && error.code === 'stale-plan',
      );
      assert.deepEqual((await dom0.port.observe()).payloads, []);
    },
  },
  {
    name: 'interruption: a payload unloaded by someone else during execution is reported',
    run: async (dom0) => {
      const { plan, contents } = await planFor(dom0, ['hello', 'bye']);
      const other = await dom0.another();
      try {
        // Hypercalls of two ports have no order of their own: the unload ends before the apply begins.
        const port = actingFirst(dom0.port, async (name, action) => {
          if (action !== 'APPLY' || name !== 'hello') return;
          dom0.expect(await other.act(name, 'UNLOAD', { timeoutNs: 0, nodeps: false }), [0, null]);
        });
        const report = await executePlan(port, plan, contents, OPTIONS);
        const failed = report.steps.find(({ status }) => status === 'failed');
        assert.deepEqual([failed?.step.action, failed?.step.name], ['apply', 'hello']);
        assert.equal(failed?.result?.hypercallRc, -2, 'ENOENT');
        assert.deepEqual(
          report.after?.payloads.map(({ state }) => state),
          report.after?.payloads.map(() => 'CHECKED'),
          'nothing is applied',
        );
        dom0.notes.push(`it ended ${report.outcome}`);
      } finally {
        await other.close();
      }
    },
  },
];
