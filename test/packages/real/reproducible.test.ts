import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { run } from '../../../rig/run.js';
import { packageFolder, variable } from '../../support/debian.js';

test('made twice, the packages are the same bytes', () => {
  const [first, second] = [packageFolder(), variable('XSPLICE_PACKAGES_AGAIN')];
  const names = readdirSync(first).sort();
  assert.equal(names.length, 4);
  for (const name of names) {
    assert.ok(readFileSync(join(first, name)).equals(readFileSync(join(second, name))), name);
  }
  run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: first });
});
