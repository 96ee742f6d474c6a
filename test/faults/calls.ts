import { join } from 'node:path';
import { createPrng, type Prng } from '../support/prng.js';
import { atOnce } from './at-once.js';
import { callLibrary, callsIn, type How, type Injection, injecting } from './inject.js';
import { judgeNext, judgeReport, judgeState } from './judge.js';
import { type Prepared, prepare, reset } from './prepare.js';
import { runProgram } from './program.js';
import { SCENARIOS } from './scenarios.js';
import type { Fault, Part, Setting, Trial } from './trial.js';
import { truthOf } from './truth.js';

/** Runs of the program at once. They wait for the disk more than they compute. */
const AT_ONCE = 3;

/** A way for a call to go wrong. */
interface Way {
  readonly how: How;
  readonly lasting: boolean;
}

const once = (how: How): Way => ({ how, lasting: false });
const lasting = (how: How): Way => ({ how, lasting: true });

const KILLS = [once('kill'), once('after')];
const TORN = once('half');
/** A lasting EINTR is none: the kernel gives it once a signal. */
const ERRORS = [
  ...['ENOSPC', 'EIO', 'EROFS', 'EMFILE'].flatMap((name) => [
    once(name as How),
    lasting(name as How),
  ]),
  once('EINTR'),
];
const READ_ERRORS = [once('EIO'), once('EMFILE')];
const SIGNALS = [once('SIGHUP'), once('SIGTERM'), once('SIGINT')];

/** The process dies before, after or in the middle of each call that changes its files. */
export const kill: Part = (setting) =>
  spoil('kill', setting, false, (isWrite) => (isWrite ? [...KILLS, TORN] : KILLS));

/** Each call that changes its files fails, once or from then on. */
export const fail: Part = (setting) => spoil('fail', setting, false, () => ERRORS);

/** Each call on its files, those that read included, fails once. */
export const read: Part = (setting) => spoil('read', setting, true, () => READ_ERRORS);

/** A signal arrives at each call that changes its files. */
export const signal: Part = (setting) => spoil('signal', setting, false, () => SIGNALS);

interface Point extends Injection {
  readonly kind: string;
  readonly prepared: Prepared;
  readonly isText: boolean;
}

async function spoil(
  part: string,
  setting: Setting,
  reads: boolean,
  waysOf: (isWrite: boolean) => readonly Way[],
): Promise<readonly Trial[]> {
  callLibrary();
  const random = createPrng(setting.seed);
  const chosen = SCENARIOS.filter(({ name }) => name.includes(setting.only));
  const prepared = await atOnce(chosen, AT_ONCE, (scenario) =>
    prepare(scenario, join(setting.scratch, part), reads),
  );
  const points = prepared.flatMap((one) => pointsOf(one, setting, reads, waysOf, random));
  return atOnce(points, AT_ONCE, (point, worker) =>
    tryPoint(part, point, join(setting.scratch, part, `worker-${worker}`)),
  );
}

/** Every call with every way; of a share, each kind of call once, going through the ways in turn. */
function pointsOf(
  prepared: Prepared,
  setting: Setting,
  reads: boolean,
  waysOf: (isWrite: boolean) => readonly Way[],
  random: Prng,
): readonly Point[] {
  const calls = prepared.calls.filter(({ changes }) => changes || reads);
  const every = calls.flatMap(({ at, kind, isWrite }) =>
    waysOf(isWrite).map((way): Point => {
      const isText = setting.text ?? (random.u32() & 1) === 1;
      return { at, kind, ...way, reads, prepared, isText };
    }),
  );
  const { at, how } = setting;
  if (at !== null || how !== null) {
    return every
      .filter((point) => at === null || point.at === at)
      .filter((point) => how === null || (point.how === how && point.lasting === setting.lasting));
  }
  if (setting.all) return every;
  const kinds = [...new Set(calls.map(({ kind }) => kind))];
  const turn = random.below(every.length);
  return kinds.flatMap((kind, index) => {
    const ofKind = every.filter((point) => point.kind === kind);
    const ways = new Set(ofKind.map(wayText));
    const way = [...ways][(turn + index) % ways.size];
    const same = ofKind.filter((point) => wayText(point) === way);
    return same.slice(0, 1).map((first) => random.pick([first, ...same.slice(1)]));
  });
}

function wayText({ how, lasting: isLasting }: Way): string {
  return `${how} ${isLasting}`;
}

async function tryPoint(part: string, point: Point, folder: string): Promise<Trial> {
  const { prepared, isText, at, how } = point;
  const state = join(folder, prepared.scenario.name);
  const log = `${state}-calls`;
  reset(prepared.base, state);
  const words = [...prepared.scenario.command, ...(isText ? [] : ['--json'])];
  const run = await runProgram(words, state, injecting(state, log, point));
  const now = await truthOf(state);
  const faults: Fault[] = [];
  if (callsIn(log).length < at) faults.push({ wrong: 'skipped', what: 'that call was not made' });
  faults.push(...judgeState(prepared, now).map((fault) => located(fault, point)));
  if (run.signal !== 'SIGKILL' || run.hung) {
    faults.push(...judgeReport(prepared, run, now, isText).map((fault) => located(fault, point)));
  }
  faults.push(...(await judgeNext(prepared, state, now)).map((fault) => located(fault, point)));
  const more = `${point.lasting ? ' --lasting' : ''}${isText ? ' --text' : ' --json'}`;
  const again = `--part ${part} --only ${prepared.scenario.name} --at ${at} --how ${how}${more}`;
  return { row: `${part} ${prepared.scenario.name}`, faults, again };
}

/** The fault with the way and the kind of call that lead to it. */
function located(fault: Fault, { kind, how, lasting: isLasting }: Point): Fault {
  return { ...fault, place: `${how}${isLasting ? ' lasting' : ''} at ${kind}` };
}
