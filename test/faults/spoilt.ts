import { join } from 'node:path';
import { runHere } from './in-process.js';
import { callsIn, injecting, injectingHere } from './inject.js';
import { judgeJournal } from './journal.js';
import { judgeNext, judgeReport, judgeState } from './judge.js';
import type { Point } from './points.js';
import { reset } from './prepare.js';
import { type Run, runProgram } from './program.js';
import type { Fault, Trial } from './trial.js';
import { truthOf } from './truth.js';

/**
 * Runs the command of a point with its call spoilt, and judges what is true after it. An error is given within this
 * process, which needs the library of calls; what is wrong there is tried again in a process of its own.
 */
export async function tryPoint(point: Point, folder: string, control: string): Promise<Trial> {
  const here = point.isAlone ? null : await faultsOf(point, folder, control);
  if (here !== null && here.length === 0) return trialOf(point, here);
  const alone = await faultsOf({ ...point, isAlone: true }, folder, control);
  if (here === null || alone.length > 0) return trialOf(point, alone);
  const only = here.map((fault) => ({ ...fault, what: `${fault.what} (in one that lives on)` }));
  return trialOf(point, only);
}

/** A point with what was wrong about it. */
export function trialOf(point: Point, faults: readonly Fault[]): Trial {
  const { part, prepared, isText, at, how, lasting, kind } = point;
  const { name } = prepared.scenario;
  const more = `${lasting ? ' --lasting' : ''}${isText ? ' --text' : ' --json'}`;
  const place = `${how}${lasting ? ' lasting' : ''} at ${kind}`;
  return {
    row: `${part} ${name}`,
    faults: faults.map((fault) => ({ ...fault, place })),
    again: `--part ${part} --only ${name} --at ${at} --how ${how}${more}`,
  };
}

async function faultsOf(point: Point, folder: string, control: string): Promise<readonly Fault[]> {
  const { prepared, isText, at } = point;
  const state = join(folder, prepared.scenario.name);
  const log = `${state}-calls`;
  reset(prepared.base, state);
  const words = [...prepared.scenario.command, ...(isText ? [] : ['--json'])];
  const run = await (point.isAlone
    ? runProgram(words, state, injecting(state, log, point))
    : injectingHere(control, log, point, () => inThisProcess(words, state)));
  const now = await truthOf(state);
  const faults: Fault[] = [];
  if (callsIn(log).length < at) faults.push({ wrong: 'skipped', what: 'that call was not made' });
  faults.push(...judgeState(prepared, now));
  faults.push(...(await judgeJournal(prepared, state, now, run)));
  if (run.signal !== 'SIGKILL' || run.hung) {
    faults.push(...judgeReport(prepared, run, now, isText));
  }
  const isSilent = prepared.scenario.isSilent === true;
  faults.push(...(await judgeNext(prepared, state, now, isSilent ? runProgram : inThisProcess)));
  return faults;
}

async function inThisProcess(words: readonly string[], state: string): Promise<Run> {
  const end = await runHere([...words, '--host', `embedded:${state}`]);
  return { ...end, signal: null, hung: false };
}
