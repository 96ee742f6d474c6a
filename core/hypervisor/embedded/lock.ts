import { open, readFile, unlink } from 'node:fs/promises';
import { XspliceError } from '../../findings/index.js';

const WAIT_MS = 20;
/** An operation takes milliseconds; nobody holds the lock this long and lives. */
const PATIENCE_MS = 10_000;

/**
 * Runs something while no other process has the same lock file. A lock whose process has died is
 * taken over. Fails with `state-locked` (exit code 2) after ten seconds.
 */
export async function withLock<T>(path: string, run: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await tryLock(path))) {
    const holder = await holderOf(path);
    if (isDead(holder) && (await clearDeadLock(path))) continue;
    if (performance.now() > deadline) {
      throw new XspliceError(
        'state-locked',
        `The embedded hypervisor is in use by process ${holder ?? 'unknown'} (${path})`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  try {
    return await run();
  } finally {
    await unlink(path).catch(() => undefined);
  }
}

/**
 * Takes away the lock of a holder that has died. One process at a time does so, and looks again first: by
 * then the lock may be that of another one, which has taken it over. False where another one is at it.
 */
async function clearDeadLock(path: string): Promise<boolean> {
  const guard = `${path}.clearing`;
  if (!(await tryLock(guard))) return false;
  try {
    if (isDead(await holderOf(path))) await unlink(path).catch(() => undefined);
    return true;
  } finally {
    await unlink(guard).catch(() => undefined);
  }
}

async function tryLock(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw new XspliceError('state-not-writable', `Cannot write ${path}: ${String(error)}`, {
      hint: 'The state directory must be writable to change the embedded hypervisor.',
      cause: error,
    });
  }
}

/** The process that holds the lock; null where it cannot be told (yet). */
async function holderOf(path: string): Promise<number | null> {
  const text = await readFile(path, 'latin1').catch(() => '');
  const pid = Number(text);
  return text !== '' && Number.isSafeInteger(pid) && pid > 0 ? pid : null;
}

/** True only where it is certain. */
function isDead(pid: number | null): boolean {
  if (pid === null) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
