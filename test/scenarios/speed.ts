import assert from 'node:assert/strict';
import { CHAIN, CHAIN_LENGTH } from '../support/chain-length.js';
import { folderOf, PATIENT, startTo } from './program.js';
import type { Dom0, Scenario } from './scenario.js';
import { withStockTool } from './stock.js';

/** The slope is taken between a chain of so many and the whole one. */
const SHORT = 10;
/** Our times are the best of so many rounds, with --all: now and then emulated CPUs do not meet in time, and it tries again. */
const ROUNDS = 2;
/** So many times less than with the stock tool one more payload is to take. */
const GOAL = 10;

/** Until then the other machines stand still. */
const QUIET_MS = 500;

const VERBS = ['load', 'revert'] as const;
type ByVerb<T> = Readonly<Record<(typeof VERBS)[number], T>>;

/** Milliseconds of one run of the program. */
interface Time {
  /** From its start to its end. */
  readonly whole: number;
  /** Without reading, planning, verifying, and its start, which alone varies by more than twenty payloads take. */
  readonly work: number;
}

/** A chain of these, loaded and reverted. */
async function timeChain(dom0: Dom0, names: readonly string[]): Promise<ByVerb<Time>> {
  const time = async (...args: readonly string[]): Promise<Time> => {
    const { stdout, elapsedMs } = await startTo(0, ...args, '--json', ...PATIENT);
    return { whole: elapsedMs, work: JSON.parse(stdout).execution.elapsedMs };
  };
  const folder = folderOf(
    dom0,
    names.map((name) => [name, name]),
  );
  const load = await time('apply', folder);
  assert.equal(await dom0.appliedCount(), names.length);
  const revert = await time('revert', '--to', 'base');
  assert.equal(await dom0.appliedCount(), 0);
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

async function measureOurs(dom0: Dom0): Promise<ByVerb<Slopes>> {
  const [short, long]: [ByVerb<Time>[], ByVerb<Time>[]] = [[], []];
  for (let round = 0; round < (dom0.extent === 'whole' ? ROUNDS : 1); round++) {
    short.push(await timeChain(dom0, CHAIN.slice(0, SHORT)));
    long.push(await timeChain(dom0, CHAIN));
  }
  const slopes = (verb: (typeof VERBS)[number]): Slopes => {
    const few = bestOf(short.map((times) => times[verb]));
    const all = bestOf(long.map((times) => times[verb]));
    const more = CHAIN_LENGTH - SHORT;
    return {
      each: (all.work - few.work) / more,
      eachWhole: (all.whole - few.whole) / more,
      whole: all.whole,
    };
  };
  return { load: slopes('load'), revert: slopes('revert') };
}

/**
 * A run of the stock tool for each payload, which is the only way it has. Between 10 and 30, as anywhere, a
 * payload takes one run: the median of them, and thirty times that.
 */
async function measureStock(dom0: Dom0): Promise<ByVerb<Omit<Slopes, 'eachWhole'>>> {
  const time = (commands: readonly (readonly string[])[]) => {
    const times = commands.map((args) => {
      const started = performance.now();
      const { status, output } = dom0.stock(...args);
      assert.equal(status, 0, output);
      return performance.now() - started;
    });
    const each = medianOf(times.slice(SHORT));
    return { each, whole: each * times.length };
  };
  const load = time(CHAIN.map((name) => ['load', dom0.family.path(name)]));
  assert.equal(await dom0.appliedCount(), CHAIN_LENGTH);
  const revert = time(CHAIN.toReversed().map((name) => ['revert', name]));
  assert.equal(await dom0.appliedCount(), 0);
  return { load, revert };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  assert.ok(middle !== undefined);
  return middle;
}

/** How long a chain takes with our program, and with Xen's own tool in the same boot. */
export const SPEED_SCENARIOS: readonly Scenario[] = [
  {
    name: `speed: a chain of ${CHAIN_LENGTH}, ours and the stock tool's`,
    measures: true,
    notFor: withStockTool,
    run: async (dom0) => {
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      const ours = await measureOurs(dom0);
      const stock = await measureStock(dom0);
      for (const verb of VERBS) {
        const { each, eachWhole, whole } = ours[verb];
        const text = `${verb}: ours ${each.toFixed(1)} ms per payload (${eachWhole.toFixed(1)} with reading, planning and verifying), ${CHAIN_LENGTH} in ${whole.toFixed(0)} ms`;
        const theirs = stock[verb];
        const ratio = theirs.each / each;
        dom0.notes.push(
          `${text}; stock tool ${theirs.each.toFixed(1)} ms per payload, ${CHAIN_LENGTH} in ${theirs.whole.toFixed(0)} ms; ratio ${ratio.toFixed(1)} per payload (goal ${GOAL}), ${(theirs.whole / whole).toFixed(1)} in all (goal 1)`,
        );
      }
    },
  },
];
