import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Script } from 'node:vm';
import { cliEnvironment, DEMO_IMAGE, demo, temporaryFolder } from '../support/cli.js';
import { repositoryRoot } from '../support/repository.js';

const BUILT = join(repositoryRoot(), 'dist', 'bin');
const PROGRAM = join(BUILT, 'xsplice-ts.js');
const { version } = JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8'));

/** In front of what is kept. */
const HEAD_SIZE = 12;
const INSPECT = ['inspect', demo('hello')];

function runNode(home: string, ...words: readonly string[]) {
  const env = cliEnvironment({ XDG_CACHE_HOME: home });
  return spawnSync(process.execPath, words, { encoding: 'utf8', env });
}

function outputOf(home: string, ...words: readonly string[]): string {
  const { stdout, stderr, status, signal } = runNode(home, ...words);
  assert.equal(status, 0, `${signal ?? ''} ${stderr}`);
  return stdout;
}

/** A folder for caches with the shipped program started once, and the file that it kept there. */
function startedOnce(t: TestContext): { readonly home: string; readonly kept: string } {
  const home = join(temporaryFolder(t), 'cache');
  mkdirSync(home, { mode: 0o700 });
  outputOf(home, PROGRAM, ...INSPECT);
  const [name = '', ...others] = readdirSync(join(home, 'xsplice-ts'));
  assert.deepEqual(others, []);
  assert.match(name, /^inspect-/);
  return { home, kept: join(home, 'xsplice-ts', name) };
}

test('--licenses has the text of each package that is part of the program', (t) => {
  const text = outputOf(temporaryFolder(t), PROGRAM, '--licenses');
  for (const name of ['elfy', 'yargs', 'chalk']) {
    assert.match(text, new RegExp(`^${name} [\\d.]+\\n\\n[^]*?Copyright.*`, 'm'), name);
  }
});

test('the package ships no compiled code, and names no folder of the machine that made it', () => {
  assert.deepEqual(readdirSync(BUILT).sort(), [
    'THIRD-PARTY-LICENSES',
    'agent.py',
    'package.json',
    'program.js',
    'xsplice-ts.js',
  ]);
  for (const file of ['program.js', 'xsplice-ts.js']) {
    const text = readFileSync(join(BUILT, file), 'utf8');
    assert.ok(!text.includes(repositoryRoot()), `${file} names the folder it was built in`);
  }
});

test('what V8 compiled for a command is kept, and taken when it is run again', (t) => {
  const { home, kept } = startedOnce(t);
  const before = statSync(kept);
  assert.equal(before.mode & 0o777, 0o600);
  outputOf(home, PROGRAM, ...INSPECT);
  assert.equal(statSync(kept).ino, before.ino, 'it was not made anew');
  const source = readFileSync(join(BUILT, 'program.js'), 'latin1');
  const cachedData = readFileSync(kept).subarray(HEAD_SIZE);
  assert.equal(new Script(source, { cachedData }).cachedDataRejected, false);
});

test('what is kept grows with what a command needs, and each has its own', (t) => {
  const home = temporaryFolder(t);
  const keptFor = (command: string) => {
    const folder = join(home, 'xsplice-ts');
    const name = readdirSync(folder).find((one) => one.startsWith(`${command}-`));
    return name === undefined ? null : statSync(join(folder, name)).size;
  };
  outputOf(home, PROGRAM, 'inspect', '--help');
  const forHelp = keptFor('inspect') ?? 0;
  outputOf(home, PROGRAM, ...INSPECT);
  assert.ok((keptFor('inspect') ?? 0) > forHelp, 'what was not run before is kept too');
  assert.equal(keptFor('list'), null);
  // What is no command leaves nothing behind.
  assert.equal(runNode(home, PROGRAM, 'no-such-command').status, 64);
  assert.equal(keptFor('no-such-command'), null);
});

test('the version is told without the program, and with it the same', (t) => {
  const home = temporaryFolder(t);
  for (const word of ['--version', '-V', '-v']) {
    assert.equal(outputOf(home, PROGRAM, word), `${version}\n`);
  }
  assert.deepEqual(readdirSync(home), []);
  assert.equal(outputOf(home, PROGRAM, 'list', '--version'), `${version}\n`);
});

test('the program says the same whatever lies in the place of its compiled form (R7)', (t) => {
  const { home, kept } = startedOnce(t);
  const ask = (...options: readonly string[]) => [
    outputOf(home, ...options, PROGRAM, ...INSPECT),
    outputOf(home, ...options, PROGRAM, 'check', demo('hello'), '--image', DEMO_IMAGE, '--json'),
  ];
  const expected = ask();
  assert.deepEqual(ask('--no-lazy'), expected, 'another set of options');
  const whole = readFileSync(kept);
  const changed = (change: (bytes: Buffer) => unknown) => {
    const bytes = Buffer.from(whole);
    change(bytes);
    return bytes;
  };
  const size = whole.length;
  const places: Readonly<Record<string, Uint8Array>> = {
    empty: new Uint8Array(),
    'the head alone': whole.subarray(0, HEAD_SIZE),
    'half of it': whole.subarray(0, size / 2),
    'a page of zeroes': changed((bytes) => bytes.fill(0, 65_536, 69_632)),
    'a tail of zeroes': changed((bytes) => bytes.fill(0, size - 4096)),
    'one bit at its start': changed((bytes) => bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)),
    'one bit in its middle': changed((b) => b.writeUInt8(b.readUInt8(size >> 1) ^ 8, size >> 1)),
    'another source': changed((bytes) => bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0)),
  };
  for (const [name, bytes] of Object.entries(places)) {
    writeFileSync(kept, bytes);
    assert.deepEqual(ask(), expected, name);
    assert.notDeepEqual(readFileSync(kept), Buffer.from(bytes), `${name}: it is made anew`);
  }
});

test('nothing is kept where somebody else may write, and nothing of somebody else is taken', (t) => {
  const { home, kept } = startedOnce(t);
  const folder = join(home, 'xsplice-ts');
  const ask = () => outputOf(home, PROGRAM, ...INSPECT);
  const isUntouched = (words: string) => {
    writeFileSync(kept, 'theirs');
    ask();
    assert.equal(readFileSync(kept, 'utf8'), 'theirs', words);
  };
  for (const path of [folder, home]) {
    chmodSync(path, 0o777);
    isUntouched(`${path} is open to all`);
    chmodSync(path, 0o700);
  }
  const away = join(home, 'away');
  renameSync(folder, away);
  symlinkSync(away, folder);
  isUntouched('the folder is a link');
  if (process.geteuid?.() === 0) {
    chownSync(away, 65_534, 65_534);
    isUntouched('the folder is owned by somebody else');
  }
  const nowhere = join(home, 'file', 'below');
  writeFileSync(join(home, 'file'), '');
  outputOf(nowhere, PROGRAM, ...INSPECT);
  outputOf('relative', PROGRAM, ...INSPECT);
  assert.equal(existsSync('relative'), false);
});

test('a Node that is too old gets one line', () => {
  const pretend = `
    Object.defineProperty(process, 'versions', { value: { node: '18.20.4' } });
    require(${JSON.stringify(PROGRAM)});
  `;
  const { status, stderr, stdout } = runNode('', '--eval', pretend);
  assert.deepEqual(
    [status, stdout, stderr],
    [1, '', 'xsplice-ts needs Node.js 20.19 or later; this is 18.20.4.\n'],
  );
});
