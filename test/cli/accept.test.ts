import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { DEMO, demo, documentOf, embeddedHost, runCli } from '../support/cli.js';

const NOP = join(DEMO, 'dangerous', 'nop-misaligned.livepatch');
const CODE = 'nop-splits-instruction';

test('a deadly payload is refused by every verb that brings it in, and says how it would pass (A1)', async (t) => {
  const host = await embeddedHost(t);
  for (const verb of ['apply', 'load', 'upload', 'replace']) {
    const { code, stdout, stderr } = await runCli([verb, NOP, ...host, '--yes', '--quiet']);
    assert.equal(code, 1, verb);
    assert.match(stdout, /error .*\[nop-splits-instruction\]/, verb);
    assert.match(stderr, /Nothing was changed: .* nop-splits-instruction of nop-misaligned/, verb);
    assert.match(stderr, /adds: --accept nop-splits-instruction$/m, verb);
  }
  const plan = await runCli(['plan', NOP, ...host, '--json']);
  assert.equal(plan.code, 1);
  const error = documentOf(plan)['error'] as { code: string };
  assert.equal(error.code, 'not-accepted');
  const listed = documentOf(await runCli(['list', ...host, '--json']));
  assert.deepEqual(listed['payloads'], []);
});

test('what is accepted is shown in plan and JSON, and done', async (t) => {
  const host = await embeddedHost(t);
  const plan = await runCli(['plan', NOP, ...host, '--accept', CODE]);
  assert.equal(plan.code, 0, plan.stderr);
  assert.match(plan.stdout, /^Accepted nop-splits-instruction of nop-misaligned$/m);
  assert.match(plan.stdout, /warning .*\[nop-splits-instruction, accepted\]/);
  const words = ['apply', NOP, ...host, '--yes', '--json', '--accept', `${CODE}=nop-misaligned`];
  const done = await runCli(words);
  assert.equal(done.code, 0, done.stderr);
  const document = documentOf(done);
  assert.deepEqual(document['accepted'], [{ code: CODE, payload: 'nop-misaligned' }]);
  const [found] = document['findings'] as Record<string, unknown>[];
  assert.deepEqual([found?.['severity'], found?.['accepted']], ['warning', true]);
  // The same again is nothing to do, and no mistake.
  assert.equal((await runCli(words)).code, 0);
});

test('--accept of what is no danger, or of another payload, lets nothing pass', async (t) => {
  const host = await embeddedHost(t);
  const apply = ['apply', NOP, ...host, '--yes', '--accept'];
  for (const text of ['would-be-fatal', 'wrong-hypervisor', 'nonsense', `${CODE}=`]) {
    assert.equal((await runCli([...apply, text])).code, 64, text);
  }
  const other = await runCli([...apply, `${CODE}=hello`]);
  assert.equal(other.code, 1);
  assert.match(other.stdout, /There is no nop-splits-instruction of hello to accept/);
  const refused = await runCli(['apply', demo('expect-wrong'), ...host, '--yes', '--accept', CODE]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /EINVAL/);
});

test('where several payloads have a danger, each that is accepted is named', async (t) => {
  const host = await embeddedHost(t);
  const words = ['apply', demo('hello'), demo('replace'), demo('metadata'), '--nodeps', ...host];
  const refused = await runCli([...words, '--yes']);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /--accept patched-by-other=replace --accept patched-by-other=metadata$/m,
  );
  const unnamed = await runCli([...words, '--yes', '--accept', 'patched-by-other']);
  assert.equal(unnamed.code, 64);
  assert.match(unnamed.stderr, /2 payloads have patched-by-other: say of which/);
  const named = ['replace', 'metadata'].flatMap((name) => ['--accept', `patched-by-other=${name}`]);
  assert.equal((await runCli([...words, '--yes', ...named])).code, 0);
});
