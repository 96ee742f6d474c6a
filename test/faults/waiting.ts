import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TAKE_BACK } from '../../cli/options/commands.js';
import { CONFIRM_FILE } from '../../core/store/index.js';

/** Kills who waits for a change of this state to be confirmed: it would outlive what is tried. */
export function endWaiting(state: string): void {
  for (const process of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const words = wordsOf(process);
    if (words.includes(TAKE_BACK) && words.includes(`embedded:${state}`)) kill(Number(process));
  }
}

/** Lets the time be over in which the change of a state was to be confirmed. */
export function makeOverdue(state: string): void {
  const file = join(state, 'memory', 'host', CONFIRM_FILE);
  const waiting = JSON.parse(readFileSync(file, 'utf8')) as { dueMs: number };
  writeFileSync(file, JSON.stringify({ ...waiting, dueMs: 0 }));
}

function wordsOf(process: string): readonly string[] {
  try {
    return readFileSync(`/proc/${process}/cmdline`, 'utf8').split('\0');
  } catch {
    // It ended meanwhile.
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
