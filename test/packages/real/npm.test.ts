import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { packageNames } from '../../../packages/make.js';
import { NODE_VERSIONS, nodeRelease } from '../../../packages/node-release.js';
import { run } from '../../../rig/run.js';
import { cliEnvironment, DEMO_IMAGE, demo, temporaryFolder } from '../../support/cli.js';
import { packageFolder } from '../../support/debian.js';
import { repositoryRoot } from '../../support/repository.js';

const { version } = JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8'));
const TARBALL = join(packageFolder(), packageNames(version).npm);
const MEGABYTE = 1_000_000;

/** The package as npm installs it for everybody, below a folder of the test. */
function installed(t: TestContext): string {
  const prefix = temporaryFolder(t);
  run('npm', ['install', '--global', '--no-audit', '--no-fund', '--prefix', prefix, TARBALL]);
  return prefix;
}

test('the tarball is small, and has neither maps nor references to them', () => {
  assert.ok(statSync(TARBALL).size < MEGABYTE, `${statSync(TARBALL).size} bytes`);
  const names = run('tar', ['-tzf', TARBALL]).toString().split('\n');
  assert.deepEqual(
    names.filter((name) => name.endsWith('.map')),
    [],
  );
  for (const name of ['package/LICENSE', 'package/dist/bin/THIRD-PARTY-LICENSES']) {
    assert.ok(names.includes(name), name);
  }
  const text = run('tar', ['-xzOf', TARBALL, '--wildcards', '*.js']).toString();
  assert.doesNotMatch(text, /^\/\/# sourceMappingURL/m);
});

test('whatever README links is in the tarball', () => {
  const names = run('tar', ['-tzf', TARBALL]).toString().split('\n');
  const readme = readFileSync(join(repositoryRoot(), 'README.md'), 'utf8');
  for (const [, link = ''] of readme.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
    assert.ok(names.includes(`package/${link}`), link);
  }
});

test('installed by npm it does its main job on each Node', async (t) => {
  const prefix = installed(t);
  const program = join(prefix, 'bin', 'xsplice-ts');
  for (const release of NODE_VERSIONS) {
    const { executable } = await nodeRelease(release);
    const home = temporaryFolder(t);
    const host = ['--host', `embedded:${join(home, 'try')}`];
    const runs: readonly (readonly [status: number, says: RegExp, words: readonly string[]])[] = [
      [0, new RegExp(`^${version}\n$`), ['--version']],
      [0, /will accept/, ['check', demo('nop'), '--image', DEMO_IMAGE]],
      [3, /^Rejected/m, ['check', demo('too-small'), '--image', DEMO_IMAGE]],
      [0, /4\.17/, ['init', '--image', DEMO_IMAGE, ...host]],
      [0, /Applied now: hello, bye/, ['apply', demo('bye'), demo('hello'), ...host, '--yes']],
      [0, /"position":2|"position": 2/, ['list', ...host, '--json']],
      [0, /^elfy 1/m, ['--licenses']],
    ];
    // The second time with what was kept of the first.
    for (const [status, says, words] of [...runs, ...runs.slice(0, 2)]) {
      const result = spawnSync(executable, [program, ...words], {
        encoding: 'utf8',
        env: cliEnvironment({ HOME: home, XDG_CACHE_HOME: join(home, 'cache') }),
      });
      const what = `Node ${release}: ${words.join(' ')}\n${result.stderr}`;
      assert.equal(result.status, status, what);
      assert.match(result.stdout, says, what);
    }
  }
});

test('koffi, which calls libxencall, works as npm installs it', async (t) => {
  const module = join(installed(t), 'lib', 'node_modules', 'xsplice-ts', 'node_modules', 'koffi');
  const script = `const lib = require(${JSON.stringify(module)}).load('libc.so.6');
    console.log(lib.func('int getpid(void)')() === process.pid)`;
  for (const release of NODE_VERSIONS) {
    const { executable } = await nodeRelease(release);
    const { stdout, stderr } = spawnSync(executable, ['-e', script], { encoding: 'utf8' });
    assert.equal(stdout, 'true\n', stderr);
  }
});
