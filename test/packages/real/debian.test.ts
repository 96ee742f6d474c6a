import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { bundleStandalone } from '../../../packages/bundle.js';
import { makeDebianPackage } from '../../../packages/debian.js';
import { packageNames } from '../../../packages/make.js';
import { DEMO, temporaryFolder } from '../../support/cli.js';
import { debian, packageFolder, type Ran } from '../../support/debian.js';
import { repositoryRoot } from '../../support/repository.js';

const root = repositoryRoot();
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const PACKAGE = join(packageFolder(), packageNames(version).debian);

function ok({ status, stdout, stderr }: Ran): string {
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return stdout;
}

test('lintian finds no error and warns of nothing', () => {
  const { status, stdout, stderr } = spawnSync(
    'lintian',
    ['--allow-root', '--fail-on', 'error,warning', PACKAGE],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, `${stdout}${stderr}`);
});

test('in an empty Debian 13 it is installed, used, upgraded and purged', async (t) => {
  const next = join(temporaryFolder(t), 'next.deb');
  makeDebianPackage(next, temporaryFolder(t), {
    root,
    version: `${version}+1`,
    epoch: 1_800_000_000,
    standalone: await bundleStandalone(root),
    licences: [],
  });
  const { folder, run } = debian(t, '13', [PACKAGE, next, DEMO]);
  ok(
    run(`apt-get update -qq && apt-get install -y -qq --no-install-recommends ./xsplice-ts_*.deb`),
  );
  assert.equal(ok(run('xsplice-ts --version')), `${version}\n`);
  const lines = [
    'xsplice-ts check demo/nop.livepatch --image demo/xen-syms-demo',
    'xsplice-ts init --image demo/xen-syms-demo --host embedded:try',
    'xsplice-ts apply demo/hello.livepatch --host embedded:try --yes',
    'xsplice-ts agent --print | grep -q privcmd',
    'xsplice-ts --licenses',
  ];
  assert.match(ok(run(lines.join('\n'))), /will accept it[\s\S]*Applied now: hello[\s\S]*^elfy 1/m);
  assert.match(
    readFileSync(join(folder, 'usr/share/doc/xsplice-ts/copyright'), 'utf8'),
    /^koffi /m,
  );
  assert.ok(existsSync(join(folder, 'etc/xsplice-ts')), 'its configuration has a folder');

  ok(run('echo "kept: yes" > /etc/xsplice-ts/of-the-administrator'));
  ok(run('dpkg --install next.deb'));
  assert.equal(ok(run("dpkg -s xsplice-ts | sed -n 's/^Version: //p'")), `${version}+1\n`);
  ok(run('xsplice-ts --version'));
  assert.equal(ok(run('cat /etc/xsplice-ts/of-the-administrator')), 'kept: yes\n');
  assert.match(ok(run('xsplice-ts list --host embedded:try')), /hello +APPLIED/);

  ok(run('rm /etc/xsplice-ts/of-the-administrator; dpkg --purge xsplice-ts; rm -r *.deb try'));
  const left = ok(run('find / -xdev -path "*xsplice*" -not -path "/root/*" -not -path "/proc/*"'));
  assert.equal(left, '');
});
