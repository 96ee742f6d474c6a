import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { judgeNext, judgeState } from './judge.js';
import { type Prepared, prepare, reset } from './prepare.js';
import { type Run, runProgram } from './program.js';
import { SCENARIOS } from './scenarios.js';
import type { Fault, Part, Trial } from './trial.js';
import { truthOf } from './truth.js';

/** Which output goes to a full disk. */
const FULL = ['stdout', 'stderr', 'both'] as const;
type Full = (typeof FULL)[number];

/** What a program says that did not expect it. */
const SURPRISE = /\n {4}at |uncaught|Internal error|node:internal/i;

/** What the program writes does not fit on the disk: it does what was asked all the same, and its exit code says it. */
export const output: Part = async ({ scratch, only, how, all, text }) => {
  const trials: Trial[] = [];
  const chosen = SCENARIOS.filter(
    ({ name, isSilent }) => isSilent !== true && `output ${name}`.includes(only),
  );
  // The ways of writing are the same for all; a share tries them on one that takes steps.
  for (const scenario of all ? chosen : chosen.slice(0, 1)) {
    const prepared = await prepare(scenario, join(scratch, 'output'), false);
    for (const full of FULL.filter((one) => how === null || how === one)) {
      for (const isText of [true, false].filter((one) => text === null || text === one)) {
        const faults = await tryFull(prepared, full, isText, join(scratch, 'output', 'state'));
        const again = `--part output --only "output ${scenario.name}" --how ${full} ${isText ? '--text' : '--json'}`;
        trials.push({ row: `output ${scenario.name}`, faults, again });
      }
    }
  }
  return trials;
};

async function tryFull(
  prepared: Prepared,
  full: Full,
  isText: boolean,
  state: string,
): Promise<readonly Fault[]> {
  reset(prepared.base, state);
  const words = [...prepared.scenario.command, ...(isText ? [] : ['--json'])];
  const disk = openSync('/dev/full', 'w');
  let run: Run;
  try {
    run = await runProgram(words, state, {}, { full: { to: disk, which: full } });
  } finally {
    closeSync(disk);
  }
  const now = await truthOf(state);
  const place = `${full}, ${isText ? 'text' : 'JSON'}`;
  const faults = [...judgeState(prepared, now), ...judgeEnd(run)];
  if (now.print !== prepared.after.print) {
    faults.push({ wrong: 'wrong state', what: 'output that cannot be written stops a change' });
  }
  faults.push(...(await judgeNext(prepared, state, now)));
  return faults.map((fault) => ({ ...fault, place }));

  function judgeEnd({ hung, signal, code, stdout, stderr }: Run): readonly Fault[] {
    if (hung) return [{ wrong: 'blocked', what: 'it does not end' }];
    if (signal !== null) return [{ wrong: 'false report', what: `it dies of ${signal}` }];
    if (SURPRISE.test(`${stdout}\n${stderr}`)) {
      return [{ wrong: 'false report', what: 'a stack trace for a full disk' }];
    }
    return full !== 'stderr' && code === 0
      ? [{ wrong: 'false report', what: 'exit code 0 for output that is lost' }]
      : [];
  }
}
