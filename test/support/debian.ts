import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';

/** What a script in an installed Debian said, and how it ended. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Debian of its own for one test: what it installs is gone with it. */
export interface Debian {
  /** Where its files are seen from outside. */
  readonly folder: string;
  /** Runs lines as root would type them in its folder /root; the first that fails ends them. */
  run(lines: string, options?: { readonly hasProc?: boolean }): Ran;
}

/** The file of what was made that ends so, e.g. `.deb`. */
export function packageFolder(): string {
  return variable('XSPLICE_PACKAGES');
}

/** Set by `npm run test:packages`. */
export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run npm run test:packages`);
  return value;
}

/** A copy of an empty Debian, with these files in /root. */
export function debian(
  context: TestContext,
  release: '12' | '13',
  files: readonly string[],
): Debian {
  const base = mkdtempSync(join(tmpdir(), 'xsplice-debian-'));
  context.after(() => rmSync(base, { recursive: true, force: true }));
  const folder = join(base, 'root');
  // Node copies no device nodes.
  spawnSync('cp', ['-a', variable(`XSPLICE_DEBIAN_${release}`), folder]);
  cpSync('/etc/resolv.conf', join(folder, 'etc', 'resolv.conf'), { dereference: true });
  mkdirSync(join(folder, 'root'), { recursive: true });
  for (const file of files) cpSync(file, join(folder, 'root', basename(file)), { recursive: true });
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
  };
  const run = (lines: string, { hasProc = true } = {}): Ran => {
    const enter = `${hasProc ? 'mount -t proc proc "$0/proc"; ' : ''}exec chroot "$0" "$@"`;
    const inside = ['/bin/sh', '-ec', `cd /root\n${lines}`];
    // Mounts of its own, gone with the last process in there.
    const words = ['--mount', '/bin/sh', '-ec', enter, folder, ...inside];
    const { status, stdout, stderr } = spawnSync('unshare', words, {
      encoding: 'utf8',
      env,
      input: '',
      maxBuffer: 64 * 1024 * 1024,
      timeout: 300_000,
    });
    return { status, stdout, stderr };
  };
  return { folder, run };
}
