import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { packageNames } from '../../../packages/make.js';
import { DEMO } from '../../support/cli.js';
import { debian, packageFolder, type Ran } from '../../support/debian.js';
import { repositoryRoot } from '../../support/repository.js';

const { version } = JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8'));
const { executable } = packageNames(version);
const FILE = join(packageFolder(), executable);

function ok({ status, stdout, stderr }: Ran): string {
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return stdout;
}

test('the executable works in an empty Debian 12, which has no Node', (t) => {
  const { folder, run } = debian(t, '12', [FILE, DEMO]);
  assert.equal(run('command -v node').stdout, '');
  ok(run(`install -m 755 ${executable} /usr/local/bin/xsplice-ts`));
  assert.equal(ok(run('xsplice-ts --version')), `${version}\n`);
  const lines = [
    'xsplice-ts check demo/nop.livepatch --image demo/xen-syms-demo',
    'xsplice-ts init --image demo/xen-syms-demo --host embedded:try',
    'xsplice-ts apply demo/bye.livepatch demo/hello.livepatch --host embedded:try --yes',
    'xsplice-ts agent --print | grep -q privcmd',
    'xsplice-ts --licenses',
  ];
  const said = ok(run(lines.join('\n')));
  assert.match(said, /will accept it[\s\S]*Applied now: hello, bye[\s\S]*^elfy 1/m);
  assert.match(said, /^Node\.js \d+\.[\s\S]*Node\.js is licensed/m);

  const started = performance.now();
  ok(run('for i in 1 2 3 4 5; do xsplice-ts --version; done >/dev/null'));
  const startMs = (performance.now() - started) / 5;
  const { size } = statSync(FILE);
  t.diagnostic(
    `the executable: ${(size / 1e6).toFixed(0)} MB, --version in ${startMs.toFixed(0)} ms`,
  );

  // What asks a real Xen: its native code is loaded, from a folder that is gone again.
  // A /proc of files plays a dom0.
  mkdirSync(join(folder, 'proc/xen'), { recursive: true });
  mkdirSync(join(folder, 'dev/xen'), { recursive: true });
  writeFileSync(join(folder, 'proc/xen/capabilities'), 'control_d\n');
  writeFileSync(join(folder, 'dev/xen/privcmd'), '');
  const without = run('xsplice-ts list --host xen', { hasProc: false });
  assert.equal(without.status, 1);
  assert.match(without.stderr, /libxencall\.so\.1 could not be loaded/);
  ok(run('apt-get update -qq && apt-get install -y -qq --no-install-recommends libxencall1'));
  const withIt = run('xsplice-ts list --host xen', { hasProc: false });
  assert.equal(withIt.status, 1);
  // A file is no device: the library was called, and said so.
  assert.doesNotMatch(withIt.stderr, /could not be loaded/);
  assert.match(withIt.stderr, /xsplice-ts: .*(ENOTTY|hypercall|Xen)/);
  assert.equal(ok(run('ls /tmp')), '');
});
