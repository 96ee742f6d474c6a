import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { cliEnvironment } from '../support/cli.js';
import { repositoryRoot } from '../support/repository.js';

/** The program as it is shipped. */
export const PROGRAM = join(repositoryRoot(), 'dist', 'bin', 'xsplice-ts.js');

/** Longest that a command may take on a busy machine: then it is blocked, and is killed. */
const LIMIT_MS = 180_000;
/** Most that is kept of either output, in characters. */
const MOST_OUTPUT = 4 * 1024 * 1024;

/** How one run of the program ended. */
export interface Run {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** True where it did not end by itself in three minutes. */
  readonly hung: boolean;
}

/** Something else than the usual about a run. */
export interface Unusual {
  readonly onStart?: (pid: number) => void;
  /** Another program than the one that is shipped. */
  readonly program?: string;
  /** Where an output goes that is not read. */
  readonly full?: { readonly to: number; readonly which: 'stdout' | 'stderr' | 'both' };
}

/** Runs the program, without a terminal, on the embedded hypervisor in `state`. */
export function runProgram(
  words: readonly string[],
  state: string,
  more: NodeJS.ProcessEnv = {},
  { onStart, program = PROGRAM, full }: Unusual = {},
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...words], {
      env: cliEnvironment({ XSPLICE_HOST: `embedded:${state}`, ...more }),
      // The fourth is where the process that waits says that it does.
      stdio: ['ignore', outputOf('stdout'), outputOf('stderr'), 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let hung = false;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < MOST_OUTPUT) stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < MOST_OUTPUT) stderr += text;
    });
    const limit = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, LIMIT_MS);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ code, signal, stdout, stderr, hung });
    });
    if (child.pid !== undefined) onStart?.(child.pid);
  });

  function outputOf(which: 'stdout' | 'stderr'): 'pipe' | number {
    return full?.which === which || full?.which === 'both' ? full.to : 'pipe';
  }
}
