import assert from 'node:assert/strict';
import { CHAIN, CHAIN_LENGTH } from '../chain-length.js';
import { folderOf, PATIENT, startTo } from './program.js';
import type { Dom0, Scenario } from './scenario.js';
import { withStockTool } from './stock.js';

/** The slope is taken between a chain of so many and the whole one. */
const SHORT = 10;
/**
 * Each time is the best of so many rounds: the rest is what else the machine did. In one round of the stock
 * tool, thirty starts make up for each other.
 */
const ROUNDS = { ours: 2, stock: 1 } as const;
/** So many times less than with the stock tool one more payload is to take. */
const GOAL = 10;

/** Until then the other machines stand still. */
const QUIET_MS = 500;

const VERBS = ['load', 'revert'] as const;

/** Milliseconds that a chain took. */
interface Time {
  /** From the first program's start to the last one's end. */
  readonly whole: number;
  /**
   * Without the start of the only program that there is: on an emulated machine that varies by more than
   * twenty payloads take. The stock tool starts anew for each payload.
   */
  readonly work: number;
}

/** A chain of SHORT and the whole one. */
interface Chains {
  readonly few: Time;
  readonly all: Time;
}

type Times = Readonly<Record<(typeof VERBS)[number], Chains>>;

/** One run of the program for each chain. */
async function timeOurs(dom0: Dom0): Promise<Times> {
  const time = async (...args: readonly string[]): Promise<Time> => {
    const { stdout, elapsedMs } = await startTo(0, ...args, '--json', ...PATIENT);
    return { whole: elapsedMs, work: JSON.parse(stdout).execution.elapsedMs };
  };
  const timeChain = async (names: readonly string[]) => {
    const folder = folderOf(
      dom0,
      names.map((name) => [name, name]),
    );
    const load = await time('apply', folder);
    assert.equal(dom0.appliedCount(), names.length);
    const revert = await time('revert', '--to', 'base');
    assert.equal(dom0.appliedCount(), 0);
    await dom0.clear();
    return { load, revert };
  };
  const [few, all] = [await timeChain(CHAIN.slice(0, SHORT)), await timeChain(CHAIN)];
  return {
    load: { few: few.load, all: all.load },
    revert: { few: few.revert, all: all.revert },
  };
}

/** A run of the stock tool for each payload, which is the only way it has: the short chain is on the way. */
async function timeStock(dom0: Dom0): Promise<Times> {
  const time = (commands: readonly (readonly string[])[]): Chains => {
    const started = performance.now();
    const ends = commands.map((args) => {
      const { status, output } = dom0.stock(...args);
      assert.equal(status, 0, output);
      const whole = performance.now() - started;
      return { whole, work: whole };
    });
    const [few, all] = [ends[SHORT - 1], ends.at(-1)];
    assert.ok(few && all);
    return { few, all };
  };
  const load = time(CHAIN.map((name) => ['load', dom0.family.path(name)]));
  assert.equal(dom0.appliedCount(), CHAIN_LENGTH);
  const revert = time(CHAIN.toReversed().map((name) => ['revert', name]));
  assert.equal(dom0.appliedCount(), 0);
  await dom0.clear();
  return { load, revert };
}

function bestOf(times: readonly Time[]): Time {
  return {
    whole: Math.min(...times.map(({ whole }) => whole)),
    work: Math.min(...times.map(({ work }) => work)),
  };
}

/** Milliseconds. */
interface Slopes {
  /** What one more payload adds to the work on the hypervisor. */
  readonly each: number;
  /** What it adds from start to end: reading, planning and verifying as well. */
  readonly eachWhole: number;
  /** The whole chain from start to end. */
  readonly whole: number;
}

/** What one more payload takes, and the whole chain, with one of the tools. */
async function measure(
  dom0: Dom0,
  time: (dom0: Dom0) => Promise<Times>,
  count: number,
): Promise<(verb: (typeof VERBS)[number]) => Slopes> {
  const rounds: Times[] = [];
  for (let round = 0; round < count; round++) rounds.push(await time(dom0));
  return (verb) => {
    const few = bestOf(rounds.map((times) => times[verb].few));
    const all = bestOf(rounds.map((times) => times[verb].all));
    const more = CHAIN_LENGTH - SHORT;
    return {
      each: (all.work - few.work) / more,
      eachWhole: (all.whole - few.whole) / more,
      whole: all.whole,
    };
  };
}

/** How long a chain takes with our program, and with Xen's own tool in the same boot. */
export const SPEED_SCENARIOS: readonly Scenario[] = [
  {
    name: `speed: a chain of ${CHAIN_LENGTH}, ours and the stock tool's`,
    measures: true,
    notFor: withStockTool,
    run: async (dom0) => {
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      const ours = await measure(dom0, timeOurs, ROUNDS.ours);
      const stock = await measure(dom0, timeStock, ROUNDS.stock);
      for (const verb of VERBS) {
        const { each, eachWhole, whole } = ours(verb);
        const text = `${verb}: ours ${each.toFixed(1)} ms per payload (${eachWhole.toFixed(1)} with reading, planning and verifying), ${CHAIN_LENGTH} in ${whole.toFixed(0)} ms`;
        const theirs = stock(verb);
        const ratio = theirs.each / each;
        dom0.notes.push(
          `${text}; stock tool ${theirs.each.toFixed(1)} ms per payload, ${CHAIN_LENGTH} in ${theirs.whole.toFixed(0)} ms; ratio ${ratio.toFixed(1)} per payload (goal ${GOAL}), ${(theirs.whole / whole).toFixed(1)} in all (goal 1)`,
        );
      }
    },
  },
];
