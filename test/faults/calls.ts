import { join } from 'node:path';
import { createPrng } from '../support/prng.js';
import { atOnce } from './at-once.js';
import { callLibrary, type How } from './inject.js';
import { once, pointsOf, type Way } from './points.js';
import { prepare } from './prepare.js';
import { SCENARIOS } from './scenarios.js';
import type { Part, Setting, Trial } from './trial.js';
import { AT_ONCE, Workers } from './workers.js';

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

async function spoil(
  part: string,
  setting: Setting,
  reads: boolean,
  waysOf: (isWrite: boolean) => readonly Way[],
): Promise<readonly Trial[]> {
  callLibrary();
  const random = createPrng(setting.seed);
  const chosen = SCENARIOS.filter(
    ({ name, isSilent }) => name.includes(setting.only) && (part === 'kill' || isSilent !== true),
  );
  const folder = join(setting.scratch, part);
  const prepared = await atOnce(chosen, AT_ONCE, (scenario) => prepare(scenario, folder, reads));
  const workers = new Workers(folder);
  const trials: Trial[] = [];
  try {
    for (const one of prepared) {
      const points = pointsOf(part, one, setting, reads, waysOf, random);
      const tried = await atOnce(points, AT_ONCE, (point, worker) => workers.try(point, worker));
      setting.show(tried);
      trials.push(...tried);
    }
  } finally {
    workers.stop();
  }
  return trials;
}
