import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { readRecord } from '../../core/oldcode/index.js';
import { readPayload } from '../../core/payload/index.js';
import { DEMO_IMAGE, demo, runCli, temporaryFolder } from '../support/cli.js';

const IMAGE = ['--image', DEMO_IMAGE] as const;
const ORIGINAL = readFileSync(demo('hello'));
const isRoot = process.getuid?.() === 0;

/** A folder with a copy of a payload that was not recorded. */
function copyOfHello(context: TestContext, mode = 0o640) {
  const folder = temporaryFolder(context);
  const file = join(folder, 'hello.livepatch');
  copyFileSync(demo('hello'), file);
  chmodSync(file, mode);
  return { folder, file };
}

async function record(code: number, ...words: readonly string[]) {
  const result = await runCli(['record', ...words, ...IMAGE]);
  assert.equal(result.code, code, result.stderr + result.stdout);
  return result;
}

function isRecorded(file: string): boolean {
  return readRecord(readPayload(readFileSync(file), file)).status === 'present';
}

test('record through links replaces what they lead to; they stay, and so does its mode', async (t) => {
  const { folder, file } = copyOfHello(t);
  const [link, linkToLink] = [join(folder, 'link'), join(folder, 'link-to-link')];
  symlinkSync('hello.livepatch', link);
  symlinkSync(link, linkToLink);
  const before = statSync(file);
  await record(0, linkToLink, '--yes');
  assert.equal(readlinkSync(link), 'hello.livepatch');
  assert.equal(readlinkSync(linkToLink), link);
  assert.ok(isRecorded(file));
  const after = lstatSync(file);
  assert.equal(after.mode, before.mode);
  assert.notEqual(after.ino, before.ino, 'a reader of the old file has it to its end');
  assert.deepEqual(readdirSync(folder).sort(), ['hello.livepatch', 'link', 'link-to-link']);
});

test('record into a link that leads nowhere makes what it leads to', async (t) => {
  const { folder, file } = copyOfHello(t);
  mkdirSync(join(folder, 'out'));
  const link = join(folder, 'link');
  symlinkSync('out/new.livepatch', link);
  await record(0, file, '--output', link);
  assert.equal(readlinkSync(link), 'out/new.livepatch');
  const made = join(folder, 'out', 'new.livepatch');
  assert.ok(isRecorded(made));
  assert.equal(lstatSync(made).mode & 0o777, 0o640, 'as the payload');
  assert.deepEqual(readFileSync(file), ORIGINAL);
});

test('record replaces no file that is there unless that is said', async (t) => {
  const { folder, file } = copyOfHello(t);
  const other = join(folder, 'other');
  copyFileSync(demo('bye'), other);
  chmodSync(other, 0o604);
  for (const output of [file, other]) {
    const { stderr } = await record(64, file, '--output', output);
    assert.match(stderr, /exists\n.*--yes/);
  }
  assert.deepEqual(readFileSync(file), ORIGINAL);
  assert.deepEqual(readFileSync(other), readFileSync(demo('bye')));
  await record(0, file, '--output', other, '--yes');
  assert.ok(isRecorded(other));
  assert.equal(statSync(other).mode & 0o777, 0o604, 'its own');
  await record(0, file, '--output', file, '--yes');
  assert.deepEqual(readFileSync(file), readFileSync(other));
});

test('record reads and writes regular files only', async (t) => {
  const { folder, file } = copyOfHello(t);
  const fifo = join(folder, 'fifo');
  const made = spawnSync('mkfifo', [fifo]);
  assert.equal(made.status, 0, String(made.stderr));
  assert.match((await record(1, fifo, '--yes')).stderr, /fifo is a FIFO, expected a regular file/);
  const intoFifo = await record(1, file, '--output', fifo, '--yes');
  assert.match(intoFifo.stderr, /fifo is a FIFO, expected a regular file or none/);
  assert.ok(lstatSync(fifo).isFIFO());
  const intoDevice = await record(1, file, '--output', '/dev/null', '--yes');
  assert.match(intoDevice.stderr, /\/dev\/null is a device/);
  assert.ok(lstatSync('/dev/null').isCharacterDevice());
  // A folder stands for the payload in it: there is no file to write back.
  assert.match(
    (await record(1, folder, '--yes')).stderr,
    /is a directory, expected a regular file/,
  );
  assert.deepEqual(readFileSync(file), ORIGINAL);
});

test('record leaves nothing behind where it cannot write', async (t) => {
  const { file } = copyOfHello(t);
  // Not even root creates files there.
  const output = '/proc/self/recorded.livepatch';
  const { stderr } = await record(1, file, '--output', output);
  assert.match(stderr, /recorded\.livepatch cannot be written: E[A-Z]+\n.*--output/);
  assert.equal(existsSync(output), false);
});

test('record replaces no read-only file', {
  skip: isRoot && 'root may write to any',
}, async (t) => {
  const { folder, file } = copyOfHello(t, 0o440);
  assert.match(
    (await record(1, file, '--yes')).stderr,
    /hello\.livepatch cannot be written: EACCES/,
  );
  chmodSync(file, 0o640);
  chmodSync(folder, 0o550);
  assert.match(
    (await record(1, file, '--yes')).stderr,
    /hello\.livepatch cannot be written: EACCES/,
  );
  chmodSync(folder, 0o750);
  assert.deepEqual(readFileSync(file), ORIGINAL);
  assert.deepEqual(readdirSync(folder), ['hello.livepatch']);
});

test('a payload of --on that is too large is refused, not left out', async (t) => {
  const { folder, file } = copyOfHello(t);
  const large = join(folder, 'large.livepatch');
  writeFileSync(large, Buffer.alloc(3 * 1024 * 1024));
  const output = join(folder, 'out.livepatch');
  const asked = await runCli(['which', 'xen_extra_version', '--on', large, ...IMAGE]);
  assert.equal(asked.code, 1, asked.stderr + asked.stdout);
  for (const { stderr } of [await record(1, file, '--output', output, '--on', large), asked]) {
    assert.match(
      stderr,
      /large\.livepatch: The file has 3145728 bytes; Xen takes .* at most 2097152/,
    );
  }
  assert.ok(!existsSync(output));
});

test('record warns where what the payload builds on is not named with --on', async (t) => {
  const folder = temporaryFolder(t);
  const made = (name: string) => ['--output', join(folder, name)];
  const alone = await record(0, demo('bye'), ...made('alone'));
  assert.match(
    alone.stdout,
    /^warning .*bye\.livepatch builds on \w+, and is recorded on the hypervisor/m,
  );
  assert.match(alone.stdout, /each with --on/);
  const other = await record(0, demo('bye'), '--on', demo('chain-01'), ...made('other'));
  assert.match(other.stdout, /and is recorded on the payload \w+ \[record-other-parent\]/);
  for (const words of [
    [demo('bye'), '--on', demo('hello')],
    [demo('hello')],
    [demo('chain-03'), '--on', demo('chain-01'), '--on', demo('chain-02')],
  ]) {
    const { stdout } = await record(0, ...words, ...made('good'), '--yes');
    assert.doesNotMatch(stdout, /record-other-parent/, words.join());
  }
});
