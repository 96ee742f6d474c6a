import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cacheFolder } from '../../rig/cache.js';
import { repositoryRoot } from '../support/repository.js';

/** The program as it is shipped: one bundled file. */
const PROGRAM = join(repositoryRoot(), 'dist', 'bin', 'xsplice-ts.js');

/** A run of the program, with a folder for temporary files of its own, so that what it leaves is seen. */
export interface ProgramRun {
  readonly child: ChildProcess;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }>;
  /** What lies in its temporary folder. */
  left(): readonly string[];
  /** Waits for QEMU, and gives its process. */
  qemu(): Promise<number>;
  remove(): void;
}

/** Has the program share the rig's downloads. */
function sharedCache(): string {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-cache-'));
  mkdirSync(join(folder, 'xsplice-ts'));
  symlinkSync(cacheFolder(), join(folder, 'xsplice-ts', 'rehearsal'));
  return folder;
}

export function startProgram(words: readonly string[], path?: string): ProgramRun {
  const cache = sharedCache();
  const temporary = mkdtempSync(join(tmpdir(), 'xsplice-run-'));
  const { PATH } = process.env;
  const env = { ...process.env, XDG_CACHE_HOME: cache, TMPDIR: temporary, NO_COLOR: '1' };
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    env: { ...env, PATH: path ?? PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  const ended = once(child, 'close').then(([code]) => ({ code, stdout, stderr }));
  return {
    child,
    ended,
    left: () => readdirSync(temporary),
    async qemu() {
      for (;;) {
        const found = qemuIn(temporary);
        if (found !== null) return found;
        if (child.exitCode !== null) throw new Error(`it ended without QEMU: ${stderr}`);
        await pause(20);
      }
    },
    remove() {
      rmSync(temporary, { recursive: true, force: true });
      rmSync(cache, { recursive: true, force: true });
    },
  };
}

/** The QEMU of a program that has this folder for temporary files; null where there is none. */
export function qemuIn(folder: string): number | null {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0');
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0');
      // It is asked for its version too.
      if (!words[0]?.endsWith('qemu-system-x86_64') || !words.includes('-kernel')) continue;
      if (environment.includes(`TMPDIR=${folder}`)) return Number(name);
    } catch {
      // It ended, or is somebody else's.
    }
  }
  return null;
}

/** True while a process runs; one that is dead and not waited for does not. */
export function runs(pid: number): boolean {
  try {
    return !/^State:\s+[XZ]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
