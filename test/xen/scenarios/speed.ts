import assert from 'node:assert/strict';
import { CHAIN, CHAIN_LENGTH } from '../chain-length.js';
import { folderOf, PATIENT, runTo } from './program.js';
import type { Dom0, Scenario } from './scenario.js';

/** The slope is taken between a chain of so many and the whole one. */
const SHORT = 10;
/** Each time is the best of so many: the rest is what else the machine did. */
const ROUNDS = 1;
/** So many times less than the stock tool has one more payload to take. */
const GOAL = 10;

/** Milliseconds that a chain took, from the first program's start to the last one's end. */
interface Times {
  readonly load: number;
  readonly revert: number;
}

async function milliseconds(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** One run of the program for the whole chain. */
async function timeOurs(dom0: Dom0, names: readonly string[]): Promise<Times> {
  const folder = folderOf(
    dom0,
    names.map((name) => [name, name]),
  );
  const load = await milliseconds(() => runTo(0, 'apply', folder, ...PATIENT));
  assert.equal(dom0.appliedCount(), names.length);
  const revert = await milliseconds(() => runTo(0, 'revert', '--to', 'base', ...PATIENT));
  assert.equal(dom0.appliedCount(), 0);
  await dom0.clear();
  return { load, revert };
}

/** A run of the stock tool for each payload, which is the only way it has. */
async function timeStock(dom0: Dom0, names: readonly string[]): Promise<Times> {
  const each = (args: (name: string) => readonly string[]) => (name: string) => {
    const { status, output } = dom0.stock(...args(name));
    assert.equal(status, 0, output);
  };
  const load = await milliseconds(() =>
    names.forEach(each((name) => ['load', dom0.family.path(name)])),
  );
  assert.equal(dom0.appliedCount(), names.length);
  const revert = await milliseconds(() =>
    names.toReversed().forEach(each((name) => ['revert', name])),
  );
  assert.equal(dom0.appliedCount(), 0);
  await dom0.clear();
  return { load, revert };
}

/** The best times of a chain's first ten payloads, and of all. */
async function measure(
  dom0: Dom0,
  time: (dom0: Dom0, names: readonly string[]) => Promise<Times>,
): Promise<{ readonly short: Times; readonly long: Times }> {
  const best = async (names: readonly string[]): Promise<Times> => {
    const rounds: Times[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await time(dom0, names));
    return {
      load: Math.min(...rounds.map(({ load }) => load)),
      revert: Math.min(...rounds.map(({ revert }) => revert)),
    };
  };
  return { short: await best(CHAIN.slice(0, SHORT)), long: await best(CHAIN) };
}

/** Milliseconds that one more payload takes. */
function slope(short: number, long: number): number {
  return (long - short) / (CHAIN_LENGTH - SHORT);
}

/** How long a chain takes with our program, and with Xen's own tool in the same boot. */
export const SPEED_SCENARIOS: readonly Scenario[] = [
  {
    name: `speed: a chain of ${CHAIN_LENGTH}, ours and the stock tool's`,
    run: async (dom0) => {
      const ours = await measure(dom0, timeOurs);
      const stock = dom0.release.stockTool ? await measure(dom0, timeStock) : null;
      const missed: string[] = [];
      for (const verb of ['load', 'revert'] as const) {
        const mine = slope(ours.short[verb], ours.long[verb]);
        const whole = ours.long[verb];
        const text = `${verb}: ours ${mine.toFixed(2)} ms per payload, ${CHAIN_LENGTH} in ${whole.toFixed(0)} ms`;
        if (stock === null) {
          dom0.notes.push(text);
          continue;
        }
        const theirs = slope(stock.short[verb], stock.long[verb]);
        const ratio = theirs / mine;
        dom0.notes.push(
          `${text}; stock tool ${theirs.toFixed(1)} ms per payload, ${CHAIN_LENGTH} in ${stock.long[verb].toFixed(0)} ms: ratio ${ratio.toFixed(1)} per payload, ${(stock.long[verb] / whole).toFixed(1)} in all`,
        );
        if (ratio < GOAL) missed.push(`${verb}: ${ratio.toFixed(1)} times less per payload`);
        if (whole >= stock.long[verb]) missed.push(`${verb}: the whole run is not faster`);
      }
      assert.deepEqual(missed, [], `the goal is ${GOAL} times less per payload, and faster in all`);
    },
  },
];
