import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import test from 'node:test';
import {
  CLI,
  cliEnvironment,
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  runCli,
  TIMEOUT_MS,
} from '../support/cli.js';

const hasScript = spawnSync('script', ['--version']).status === 0;

test('a full disk behind the output stops no change, and is a line and exit code 1', async (t) => {
  for (const more of [[], ['--json']]) {
    const host = await embeddedHost(t);
    const full = openSync('/dev/full', 'w');
    const words = [CLI, 'apply', demo('hello'), ...host, '--yes', ...more];
    const { status, stderr } = spawnSync(process.execPath, words, {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      env: cliEnvironment(),
    });
    assert.equal(status, 1);
    // On a busy machine there is a line that says how far it is.
    const said = stderr.replace(/^\d+\/\d+ .*\n/gm, '');
    assert.equal(said, 'xsplice-ts: standard output cannot be written: ENOSPC\n');
    const { payloads } = documentOf(await runCli(['list', ...host, '--json']));
    assert.ok(Array.isArray(payloads));
    assert.deepEqual(
      payloads.map(({ name, state }) => [name, state]),
      [['hello', 'APPLIED']],
    );
    // Nowhere at all to write to.
    const mute = spawnSync(process.execPath, [CLI, 'unload', 'nope', ...host], {
      stdio: ['ignore', full, full],
      timeout: TIMEOUT_MS,
      env: cliEnvironment(),
    });
    assert.equal(mute.status, 1);
  }
});

test('--quiet leaves out what is right, shows what is wrong, and asks nothing (A4)', async (t) => {
  const host = await embeddedHost(t);
  const unasked = await runCli(['apply', demo('hello'), ...host, '--quiet']);
  assert.equal(unasked.code, 64);
  assert.equal(unasked.stdout, '');
  assert.match(
    unasked.stderr,
    /with --quiet the question is not asked \(host embedded:.*\)\nAdd --yes/,
  );
  const fine = await runCli(['apply', demo('hello'), ...host, '--quiet', '--yes']);
  assert.deepEqual(fine, { code: 0, stdout: '', stderr: '' });
  const words = [demo('dangerous/nop-misaligned'), '--image', DEMO_IMAGE, '--quiet'];
  const warned = await runCli(['check', ...words]);
  assert.match(warned.stdout, /^(warning|error) .*\[nop-splits-instruction\]/m);
  assert.doesNotMatch(warned.stdout, /^(note|Hypervisor|Chain)/m);
  const third = await embeddedHost(t);
  const accepted = [demo('dangerous/nop-misaligned'), '--accept', 'nop-splits-instruction'];
  const told = await runCli(['apply', ...accepted, ...third, '--quiet', '--yes']);
  assert.equal(told.code, 0, told.stderr);
  assert.match(told.stdout, /^Host +embedded:.*\nwarning .*\[nop-splits-instruction, accepted\]/);
  const other = await embeddedHost(t);
  const refused = await runCli(['apply', demo('too-small'), ...other, '--quiet', '--yes']);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /EINVAL/);
});

test('after Ctrl-Z and fg the question is asked again (A5)', {
  skip: hasScript ? false : 'no script(1)',
}, async (t) => {
  const host = await embeddedHost(t);
  const words = [process.execPath, CLI, 'apply', demo('hello'), ...host];
  const command = words.map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', "PS1='shell> ' bash --norc -i", '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
    env: cliEnvironment(),
  });
  let seen = '';
  let heard = () => {};
  child.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString('utf8');
    heard();
  });
  /** Waits for what comes next, and forgets all until then. */
  const expect = async (text: RegExp) => {
    for (let match = text.exec(seen); ; match = text.exec(seen)) {
      if (match !== null) {
        seen = seen.slice(match.index + match[0].length);
        return;
      }
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  };
  await expect(/shell> /);
  child.stdin.write(`${command}\n`);
  await expect(/Do this\? \[y\/N\] /);
  child.stdin.write('\u001a');
  await expect(/Stopped[\s\S]*shell> /);
  child.stdin.write('fg\n');
  await expect(/Do this\? \[y\/N\] /);
  child.stdin.write('y\n');
  await expect(/Done: 2 steps/);
  await expect(/shell> /);
  child.stdin.end('exit $?\n');
  const [status] = await once(child, 'close');
  assert.equal(status, 0);
});
