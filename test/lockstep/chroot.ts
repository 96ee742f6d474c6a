import { spawn, spawnSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../rig/cache.js';
import { RigUnavailable } from '../../rig/run.js';
import { repositoryRoot } from '../support/repository.js';

/** How a program in a root ended. */
export interface Answer {
  readonly code: number | null;
  readonly signal: string | null;
  /** Standard error, then standard output. */
  readonly text: string;
}

/** No question takes longer on a busy machine. */
const TIMEOUT_MS = 60_000;

/** Compiles a C file that stands beside this one. */
export function compile(source: string, to: string, options: readonly string[] = []): string {
  const file = join(repositoryRoot(), 'test', 'lockstep', source);
  // Another run may be using the one that is there.
  const draft = `${to}.${process.pid}`;
  const { status, stderr } = spawnSync('gcc', ['-O1', ...options, '-o', draft, file]);
  if (status !== 0) throw new RigUnavailable(`gcc could not build ${source}: ${stderr}`);
  renameSync(draft, to);
  return to;
}

let enter: string | null = null;

/** The words that run a program with a folder as its root, and with no other environment than `env`. */
export function inRoot(
  root: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): readonly string[] {
  enter ??= compile('enter.c', join(cacheFolder('lockstep'), 'enter'));
  const settings = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/tmp', LC_ALL: 'C', ...env };
  const pairs = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  return [enter, root, ...pairs, ...words];
}

/** Runs it to its end. */
export function ask(...where: Parameters<typeof inRoot>): Promise<Answer> {
  const [program = '', ...words] = inRoot(...where);
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('latin1').on('data', (text: string) => {
      err += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, text: `${err}${out}` }));
  });
}
