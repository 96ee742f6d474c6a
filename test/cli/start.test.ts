import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cliEnvironment, DEMO_IMAGE, demo, temporaryFolder } from '../support/cli.js';
import { repositoryRoot } from '../support/repository.js';

const BUILT = join(repositoryRoot(), 'dist', 'bin');

/** The shipped program in a folder of its own. */
function copyOf(t: TestContext): string {
  const root = temporaryFolder(t);
  copyFileSync(join(repositoryRoot(), 'package.json'), join(root, 'package.json'));
  cpSync(BUILT, join(root, 'dist', 'bin'), { recursive: true });
  return join(root, 'dist', 'bin');
}

function runNode(...words: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, words, {
    encoding: 'utf8',
    env: cliEnvironment(),
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('what V8 compiled of the shipped program is taken by the node that made it', () => {
  const ask = `
    const { readFileSync } = require('node:fs');
    const { programScript } = require(${JSON.stringify(join(BUILT, 'xsplice-ts.js'))});
    const compiled = readFileSync(${JSON.stringify(join(BUILT, 'program.cache'))});
    console.log(programScript(compiled).cachedDataRejected, programScript().cachedDataRejected);
  `;
  assert.equal(runNode('--eval', ask), 'false undefined\n');
});

test('the shipped program says the same whatever lies in the place of its compiled form', (t) => {
  const folder = copyOf(t);
  const [program, compiled] = [join(folder, 'xsplice-ts.js'), join(folder, 'program.cache')];
  const ask = (...options: readonly string[]) => [
    runNode(...options, program, '--version'),
    runNode(...options, program, 'check', demo('hello'), '--image', DEMO_IMAGE, '--json'),
  ];
  const expected = ask();
  const { version } = JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8'));
  assert.equal(expected[0], `${version}\n`);
  assert.deepEqual(ask('--no-lazy'), expected, 'another set of options');
  const whole = readFileSync(compiled);
  const forged = Buffer.from(whole);
  forged.writeUInt32LE(0x1234_5678, 4);
  const places = { empty: '', 'half of it': whole.subarray(0, whole.length / 2), forged };
  for (const [name, bytes] of Object.entries(places)) {
    writeFileSync(compiled, bytes);
    assert.deepEqual(ask(), expected, name);
  }
  rmSync(compiled);
  assert.deepEqual(ask(), expected, 'nothing');
});
