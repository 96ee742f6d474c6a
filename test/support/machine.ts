import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A disk of so many KiB, mounted while the test runs; null, with the test skipped, where it may not be. */
export function smallDisk(t: TestContext, kib: number): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-ts-disk-'));
  const options = `size=${kib}k,mode=700`;
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  t.after(() => {
    spawnSync('umount', ['-q', folder]);
    rmdirSync(folder);
  });
  if (status === 0) return folder;
  t.skip('a file system may not be mounted here');
  return null;
}

/** True where this process may make files belong to anybody. */
export const IS_ROOT = process.geteuid?.() === 0;

/** Words before a command that give it process numbers of its own; null where that may not be. */
export function inOwnNamespace(): readonly string[] | null {
  const words = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
  return spawnSync(words[0] ?? '', [...words.slice(1), 'true']).status === 0 ? words : null;
}
