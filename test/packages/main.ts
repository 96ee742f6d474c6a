/**
 * The packages as users get them: made twice, then installed and used in empty Debians, README's lines as they stand
 * there. Needs root, apt-get and what `.ci/run` installs.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePackages } from '../../packages/make.js';
import { emptyDebian } from '../../rig/debian-root.js';
import { repositoryRoot } from '../support/repository.js';

const root = repositoryRoot();
const work = mkdtempSync(join(tmpdir(), 'xsplice-packages-test-'));
try {
  const first = join(work, 'first');
  const second = join(work, 'second');
  await makePackages(root, first);
  await makePackages(root, second);
  const env = {
    ...process.env,
    XSPLICE_PACKAGES: first,
    XSPLICE_PACKAGES_AGAIN: second,
    XSPLICE_DEBIAN_12: await emptyDebian('bookworm'),
    XSPLICE_DEBIAN_13: await emptyDebian('trixie'),
  };
  const tests = join(root, 'dist', 'test', 'packages', 'real');
  const { status } = spawnSync(
    process.execPath,
    [
      ...['--enable-source-maps', '--test', '--test-concurrency=2'],
      `--test-reporter=${join(root, 'dist', 'test', 'support', 'reporter.js')}`,
      ...readdirSync(tests)
        .filter((file) => file.endsWith('.test.js'))
        .map((file) => join(tests, file)),
    ],
    { stdio: 'inherit', env },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
