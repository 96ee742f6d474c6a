import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { cliEnvironment, temporaryFolder } from '../../support/cli.js';
import { debian, packageFolder, type Ran } from '../../support/debian.js';
import { repositoryRoot } from '../../support/repository.js';

const readme = readFileSync(join(repositoryRoot(), 'README.md'), 'utf8');
const RELEASE = readdirSync(packageFolder()).map((name) => join(packageFolder(), name));

/** The lines for a shell below a heading, block by block, as they stand there. */
function linesBelow(heading: string): readonly string[] {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
  assert.ok(blocks.length > 0, `README has no lines below ${heading}`);
  return blocks;
}

const [withApt = '', withOneFile = '', withNpm = ''] = linesBelow('Install');
const [fiveMinutes = ''] = linesBelow('Five minutes without Xen');
const [inCi = ''] = linesBelow('In CI');

/** A newcomer's three tasks: a first verdict, a first apply, a first job of CI. One follows on the other. */
function newcomer(run: (lines: string) => Ran): void {
  const { status, stdout, stderr } = run(
    `${fiveMinutes}\n${inCi}\ntest -s xsplice.sarif\ncat xsplice.xml`,
  );
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  const [verdict, applied, refused, job] = [
    /OK: one valid chain of 2 payloads/,
    /Applied now: hello, bye[\s\S]*2 +bye +APPLIED[\s\S]*1 +hello +APPLIED/,
    /Rejected: 1 error/,
    /<testsuites?[\s\S]*chain-05/,
  ];
  for (const says of [verdict, applied, refused, job]) assert.match(stdout, says);
}

test("README's lines as they stand: an empty Debian 13, the Debian package", (t) => {
  const { run } = debian(t, '13', RELEASE);
  // As each machine does daily.
  assert.equal(run('apt-get update -qq').status, 0);
  const { status, stderr } = run(withApt);
  assert.equal(status, 0, stderr);
  newcomer(run);
});

test("README's lines as they stand: an empty Debian 12, the executable", (t) => {
  const { run } = debian(t, '12', RELEASE);
  const { status, stderr } = run(withOneFile);
  assert.equal(status, 0, stderr);
  newcomer(run);
});

test("README's lines as they stand: npm", (t) => {
  const [folder, prefix] = [temporaryFolder(t), temporaryFolder(t)];
  for (const file of RELEASE) copyFileSync(file, join(folder, file.split('/').at(-1) ?? ''));
  const env = cliEnvironment({
    HOME: folder,
    PATH: `${join(prefix, 'bin')}:${process.env['PATH']}`,
    npm_config_prefix: prefix,
  });
  const run = (lines: string): Ran =>
    spawnSync('/bin/sh', ['-ec', lines], { cwd: folder, encoding: 'utf8', env, input: '' });
  const { status, stderr } = run(withNpm);
  assert.equal(status, 0, stderr);
  assert.ok(existsSync(join(prefix, 'bin', 'xsplice-ts')));
  newcomer(run);
});
