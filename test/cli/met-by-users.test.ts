import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  cliEnvironment,
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  runCli,
  temporaryFolder,
} from '../support/cli.js';

const PROGRAM = fileURLToPath(new URL('../../bin/xsplice-ts.js', import.meta.url));
const IMAGE = ['--image', DEMO_IMAGE];

async function codesOf(words: readonly string[]): Promise<readonly unknown[]> {
  const { findings } = documentOf(await runCli([...words, '--json']));
  assert.ok(Array.isArray(findings));
  return findings.map(({ code, file }) => `${code} ${file?.split('/').at(-1)}`).sort();
}

test('the first digits of a build-id stand for the one that the payloads name', async (t) => {
  const { hypervisor } = documentOf(await runCli(['check', demo('hello'), ...IMAGE, '--json']));
  const { buildId } = hypervisor as { readonly buildId: string };
  const short = await runCli([
    'check',
    demo('hello'),
    '--build-id',
    buildId.slice(0, 12),
    '--json',
  ]);
  assert.equal(short.code, 0);
  assert.deepEqual(documentOf(short)['hypervisor'], { buildId, release: null });
  assert.equal((await runCli(['check', demo('hello'), '--build-id', 'deadbeef00'])).code, 3);
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'p'));
  copyFileSync(demo('hello'), join(folder, 'p', 'hello.livepatch'));
  const target = { name: 'a', buildId: buildId.slice(0, 8), payloads: 'p' };
  const config = join(folder, 'xsplice.config.json');
  writeFileSync(config, JSON.stringify({ targets: [target, { ...target, name: 'b' }] }));
  assert.equal((await runCli(['check', '--config', config])).code, 0);
});

test('a file that is named in several ways is one', async () => {
  const near = relative('.', demo('hello'));
  const { code } = await runCli(['check', demo('hello'), near, `./${near}`, ...IMAGE]);
  assert.equal(code, 0);
});

test('a parent that is another hypervisor is missing for a payload of this one', async () => {
  const words = ['check', demo('wrong-depends'), demo('wrong-xen-depends'), ...IMAGE];
  const codes = await codesOf(words);
  assert.ok(codes.includes('missing-parent wrong-depends.livepatch'), codes.join());
});

test('files that are no payloads are called what they are', async (t) => {
  const folder = temporaryFolder(t);
  const said = async (name: string, bytes: string | Buffer) => {
    const file = join(folder, `${name}.livepatch`);
    writeFileSync(file, bytes);
    return (await runCli(['check', file, ...IMAGE])).stdout;
  };
  assert.match(
    await said('lfs', 'version https://git-lfs.github.com/spec/v1\noid'),
    /git lfs pull/,
  );
  assert.match(await said('gz', Buffer.from([0x1f, 0x8b, 8, 0, 1])), /1f 8b 08 00, as a gzipped/);
  assert.match(await said('text', 'hello\n'), /68 65 6c 6c, as a text has/);
  symlinkSync('nowhere', join(folder, 'broken.livepatch'));
  const { stdout } = await runCli(['check', join(folder, 'broken.livepatch'), ...IMAGE]);
  assert.match(stdout, /broken.livepatch is a link to nowhere, which does not exist/);
});

test('check says what apply says of assumptions', async () => {
  const { stdout } = await runCli(['check', demo('noapply'), ...IMAGE]);
  assert.match(stdout, /will accept it, if what is assumed holds/);
  assert.doesNotMatch((await runCli(['check', demo('hello'), ...IMAGE])).stdout, /assumed/);
});

test('what is explained is said once', async (t) => {
  const host = await embeddedHost(t);
  const { stderr } = await runCli(['apply', demo('too-small'), ...host, '--yes', '--explain']);
  assert.equal(stderr.split('Xen would refuse the upload').length, 2, stderr);
  assert.match(stderr, / {6}what {3}/);
});

test('init says what it would change', async (t) => {
  const host = await embeddedHost(t);
  const { code, stderr } = await runCli(['init', ...IMAGE, ...host]);
  assert.equal(code, 64);
  assert.match(stderr, /change the embedded hypervisor that is there, .*\nAdd --yes to do it\.\n/);
});

test('a folder that is gone is a line', (t) => {
  const folder = join(temporaryFolder(t), 'gone');
  mkdirSync(folder);
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', `cd "$1" && rmdir "$1" && exec "$2" "$3" list`, 'sh', folder, process.execPath, PROGRAM],
    { encoding: 'utf8', env: cliEnvironment() },
  );
  assert.equal(status, 1);
  assert.equal(stderr, 'xsplice-ts: the current folder is gone. Change to one that is there.\n');
});

test('what is known of a payload that was reverted is not said as a question (C12)', async (t) => {
  const host = await embeddedHost(t);
  for (const words of [['apply', demo('data')], ['revert'], ['apply', demo('data')], ['revert']]) {
    const { code, stdout, stderr } = await runCli([...words, ...host, '--yes']);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout, /reverted-before/);
  }
  const { code, stdout, stderr } = await runCli(['apply', 'data', ...host, '--yes']);
  assert.equal(code, 1);
  assert.match(stderr, /Please unload/);
  assert.doesNotMatch(stdout, /reverted-before/);
});
