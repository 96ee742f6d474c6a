import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, kill, read, signal } from './calls.js';
import { codeCache } from './code-cache.js';
import { crowd } from './crowd.js';
import { damage } from './damage.js';
import { output } from './output.js';
import { ports } from './ports.js';
import { power } from './power.js';
import { faultsText, type Part, type Setting, type Trial, tableOf } from './trial.js';

const USAGE = `Lets everything go wrong around the embedded hypervisor, and looks at what is true then.

  npm run test:faults [-- --all] [--seed N] [--part NAME]… [--only TEXT]
  npm run test:faults -- --part PART --only SCENARIO --at CALL --how HOW [--lasting] [--text | --json]

The first takes a share of a seed, or all; the second does one thing again, as the report of faults says it.
Exit code 1 where anything is wrong.
`;

/** In the order in which they run. */
const PARTS: Readonly<Record<string, Part>> = {
  ports,
  damage,
  'code-cache': codeCache,
  kill,
  fail,
  read,
  signal,
  output,
  power,
  crowd,
};

/** A disk in memory: what dies is a process there, and flushing costs nothing. Power fails on disks of its own. */
const MEMORY = '/dev/shm';
/** Seed of a share where none is given. */
const SEED = 1;

const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(SEED) },
    part: { type: 'string', multiple: true, default: Object.keys(PARTS) },
    only: { type: 'string', default: '' },
    at: { type: 'string' },
    how: { type: 'string' },
    lasting: { type: 'boolean', default: false },
    text: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const started = performance.now();
  const scratch = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'xsplice-faults-'));
  const setting: Setting = {
    seed: Number(values.seed),
    all: values.all,
    scratch,
    only: values.only,
    at: values.at === undefined ? null : Number(values.at),
    how: values.how ?? null,
    lasting: values.lasting,
    text: values.text ? true : values.json ? false : null,
    show: (tried) => {
      show(tried, started);
      for (const trial of tried) shown.add(trial);
    },
  };
  const trials: Trial[] = [];
  const shown = new Set<Trial>();
  try {
    for (const name of values.part) {
      const part = PARTS[name];
      if (part === undefined) throw new Error(`no part ${name}: ${Object.keys(PARTS).join(', ')}`);
      const start = performance.now();
      const done = await part(setting);
      trials.push(...done);
      setting.show(done.filter((trial) => !shown.has(trial)));
      console.error(
        `${name}: ${done.length} in ${((performance.now() - start) / 1000).toFixed(0)} s`,
      );
    }
  } finally {
    try {
      rmSync(scratch, { recursive: true, force: true });
    } catch {
      // Programs still write there where a part ended with an error: that error is what counts.
    }
  }
  const wrong = trials.filter(({ faults }) => faults.length > 0);
  console.log(wrong.length > 0 ? `\n${faultsText(trials)}\n` : '');
  console.log(tableOf(trials, setting.seed));
  console.log(`\n${trials.length} tried, ${wrong.length} wrong`);
  if (wrong.length > 0 || trials.length === 0) process.exitCode = 1;
}

/** One line a row, and each fault, as soon as they are known. */
function show(trials: readonly Trial[], started: number): void {
  const after = `${((performance.now() - started) / 1000).toFixed(0)} s`;
  for (const row of new Set(trials.map((trial) => trial.row))) {
    const mine = trials.filter((trial) => trial.row === row);
    const wrong = mine.filter(({ faults }) => faults.length > 0);
    console.log(`${row}: ${mine.length} tried, ${wrong.length} wrong, after ${after}`);
    if (wrong.length > 0) console.log(faultsText(wrong));
  }
}

await main();
