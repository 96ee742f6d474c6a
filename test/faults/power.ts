import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPrng } from '../support/prng.js';
import { callLibrary, injecting } from './inject.js';
import { judgeNext, judgeState } from './judge.js';
import { type Prepared, prepare, reset } from './prepare.js';
import { runProgram } from './program.js';
import { SCENARIOS, type Scenario } from './scenarios.js';
import type { Fault, Part, Setting, Trial } from './trial.js';
import { truthOf } from './truth.js';
import { endWaiting } from './waiting.js';

/** A file system on a file: its size, and how it is made and mounted. xfs refuses two mounts of one id. */
interface FileSystem {
  readonly name: string;
  readonly bytes: number;
  readonly make: readonly string[];
  readonly options: string;
}

const FILE_SYSTEMS: readonly FileSystem[] = [
  { name: 'ext4', bytes: 64 << 20, make: ['mkfs.ext4', '-q', '-F'], options: 'loop' },
  { name: 'xfs', bytes: 320 << 20, make: ['mkfs.xfs', '-q', '-f'], options: 'loop,nouuid' },
];

/** A loss of power: so long after the end, or (null) at a call in the middle. */
interface Loss {
  readonly afterMs: number | null;
}

const SHARE: readonly Loss[] = [{ afterMs: 0 }, { afterMs: null }, { afterMs: null }];
/** Ten on each file system. A file system writes of its own accord after some five seconds. */
const ALL: readonly Loss[] = [0, 0, 2_000, 12_000, null, null, null, null, null, null].map(
  (afterMs) => ({ afterMs }),
);

/** Copies that are tried until one is of a moment, not of a while. */
const COPIES = 20;
/** Longest wait for a process to come to its call, in steps of 10 ms. */
const STEPS_TO_STOP = 3_000;

/** The power fails: what the file system had given to the disk by then is mounted anew, and looked at. */
export const power: Part = async (setting) => {
  callLibrary();
  const random = createPrng(setting.seed);
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-power-'));
  const trials: Trial[] = [];
  for (const fileSystem of FILE_SYSTEMS) {
    const row = `power ${fileSystem.name}`;
    if (!row.includes(setting.only)) continue;
    const again = `--part power --only ${fileSystem.name} --seed ${setting.seed}${setting.all ? ' --all' : ''}`;
    const disk = makeDisk(fileSystem, join(folder, fileSystem.name));
    if (typeof disk === 'string') {
      trials.push({ row, again, faults: [{ wrong: 'skipped', what: disk }] });
      continue;
    }
    try {
      // Those without a hypervisor to lose have little to show.
      const chosen = SCENARIOS.filter(({ setup }) => setup.length > 0);
      const start = random.below(chosen.length);
      for (const [index, loss] of (setting.all ? ALL : SHARE).entries()) {
        const scenario = chosen[(start + index) % chosen.length];
        if (scenario === undefined) continue;
        const faults = await lose(disk, scenario, loss, random.u32(), setting);
        trials.push({ row, again, faults });
      }
      setting.show(trials.filter((trial) => trial.row === row));
    } finally {
      unmount(disk.mounted);
    }
  }
  rmSync(folder, { recursive: true, force: true });
  return trials;
};

interface Disk {
  readonly fileSystem: FileSystem;
  readonly image: string;
  readonly copy: string;
  readonly mounted: string;
  /** Where the copy is mounted. */
  readonly revived: string;
}

/** A mounted file system on a file; or why there can be none. */
function makeDisk(fileSystem: FileSystem, folder: string): Disk | string {
  const disk = {
    fileSystem,
    image: join(folder, 'disk.img'),
    copy: join(folder, 'copy.img'),
    mounted: join(folder, 'mounted'),
    revived: join(folder, 'revived'),
  };
  for (const path of [disk.mounted, disk.revived]) mkdirSync(path, { recursive: true });
  writeFileSync(disk.image, '');
  truncateSync(disk.image, fileSystem.bytes);
  const why =
    run(...fileSystem.make, disk.image) ??
    run('mount', '-o', fileSystem.options, disk.image, disk.mounted);
  return why === null ? disk : `no ${fileSystem.name} can be mounted here: ${why}`;
}

async function lose(
  disk: Disk,
  scenario: Scenario,
  { afterMs }: Loss,
  number: number,
  setting: Setting,
): Promise<readonly Fault[]> {
  const prepared = await prepare(scenario, join(setting.scratch, 'power', 'plain'), false);
  const state = join(disk.mounted, 'state');
  reset(prepared.base, state);
  run('sync', '-f', disk.mounted);
  const place = afterMs === null ? await stopInside(disk, prepared, state, number) : 'after Done';
  if (afterMs !== null) {
    const { code, stderr } = await runProgram(scenario.command, state);
    if (code !== 0) throw new Error(`without a fault: ${stderr}`);
    await sleep(afterMs);
    copyDisk(disk);
  }
  const why = run('mount', '-o', disk.fileSystem.options, disk.copy, disk.revived);
  if (why !== null) throw new Error(`the copy cannot be mounted: ${why}`);
  try {
    return await judgeRevived(disk, prepared, `${scenario.name}, ${place}`, afterMs !== null);
  } finally {
    unmount(disk.revived);
  }
}

async function judgeRevived(
  { revived }: Disk,
  prepared: Prepared,
  place: string,
  saidDone: boolean,
): Promise<readonly Fault[]> {
  const state = join(revived, 'state');
  const now = await truthOf(state);
  const faults: Fault[] = [...judgeState(prepared, now)];
  const isLegal = faults.length === 0;
  if (isLegal && saidDone && now.print !== prepared.after.print) {
    faults.push({ wrong: 'false report', what: 'done, it said, and it is not any more' });
  }
  if (isLegal) faults.push(...(await judgeNext(prepared, state, now)));
  return faults.map((fault) => ({ ...fault, place }));
}

/** Stops the command before one of its calls, takes the copy there, and kills it. Returns the place in words. */
async function stopInside(
  disk: Disk,
  { calls, scenario }: Prepared,
  state: string,
  number: number,
): Promise<string> {
  const changes = calls.filter(({ changes: isChange }) => isChange);
  const call = changes[number % changes.length];
  if (call === undefined) throw new Error(`${scenario.name} changes nothing`);
  const injection = { at: call.at, how: 'stop', lasting: false, reads: false } as const;
  let pid = 0;
  const log = join(disk.mounted, '..', 'calls');
  const ended = runProgram(scenario.command, state, injecting(state, log, injection), {
    onStart: (started) => {
      pid = started;
    },
  });
  try {
    await stopped(pid);
    copyDisk(disk);
  } finally {
    process.kill(pid, 'SIGKILL');
    await ended;
  }
  return `before ${call.kind}`;
}

async function stopped(pid: number): Promise<void> {
  for (let step = 0; step < STEPS_TO_STOP; step++) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')) return;
    await sleep(10);
  }
  throw new Error(`process ${pid} does not come to its call`);
}

/** Copies what the disk holds, of one moment: while it was copied, nothing was written to it. */
function copyDisk({ image, copy }: Disk): void {
  for (let attempt = 0; attempt < COPIES; attempt++) {
    rmSync(copy, { force: true });
    const why = run('cp', '--sparse=always', image, copy);
    if (why !== null) throw new Error(why);
    if (run('cmp', '-s', image, copy) === null) return;
  }
  throw new Error(`${image} is written to without an end`);
}

function unmount(path: string): void {
  endWaiting(join(path, 'state'));
  const why = run('umount', path);
  if (why !== null) run('umount', '-l', path);
}

/** Null where the command did its work; else what it said. */
function run(...words: readonly string[]): string | null {
  const [program = '', ...rest] = words;
  const { status, stderr, error } = spawnSync(program, rest, { encoding: 'utf8' });
  if (error !== undefined) return error.message;
  return status === 0 ? null : stderr.trim() || `${program} ended with ${status}`;
}
