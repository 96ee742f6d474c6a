import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cliEnvironment } from '../support/cli.js';
import { counting } from './inject.js';
import type { Point } from './points.js';
import { trialOf } from './spoilt.js';
import type { Trial } from './trial.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

/** Points that are tried at once: trying them is work for a processor. */
export const AT_ONCE = Math.max(2, availableParallelism());

/** Longest that a point may take on a busy machine, with all commands that judge it. */
const LIMIT_MS = 600_000;

/** Processes that try points, each one after the other, in a folder of its own. One that dies is started anew. */
export class Workers {
  readonly #folder: string;
  readonly #running = new Map<number, ChildProcess>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Tries a point in this worker. What ends or outlasts the worker is a fault of the point. */
  try(point: Point, worker: number): Promise<Trial> {
    const child = this.#running.get(worker) ?? this.#start(worker);
    return new Promise((resolve) => {
      const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
      const end = (trial: Trial) => {
        clearTimeout(limit);
        child.off('message', end).off('exit', died);
        resolve(trial);
      };
      const died = (code: number | null, signal: string | null) => {
        this.#running.delete(worker);
        const what = `it ends the process, or none of its own accord (${signal ?? code})`;
        end(trialOf(point, [{ wrong: 'blocked', what }]));
      };
      child.on('message', end).on('exit', died);
      child.send(point);
    });
  }

  stop(): void {
    for (const child of this.#running.values()) child.kill();
  }

  #start(worker: number): ChildProcess {
    const folder = join(this.#folder, `worker-${worker}`);
    mkdirSync(folder, { recursive: true });
    // Not below the folder, where its own calls would be spoilt.
    const control = join(this.#folder, `control-${worker}`);
    const child = fork(WORKER, [folder, control], {
      env: cliEnvironment(counting(folder, control)),
    });
    this.#running.set(worker, child);
    return child;
  }
}
