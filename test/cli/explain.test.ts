import assert from 'node:assert/strict';
import test from 'node:test';
import { CATALOGUE, explain, STAGES } from '../../core/findings/index.js';
import { DEMO_IMAGE, demo, documentOf, embeddedHost, runCli } from '../support/cli.js';

/** How often a text occurs in another. */
function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

const stage = explain('functions');
assert.ok(stage);

test('check --explain says once how to mend a payload', async () => {
  const file = demo('too-small');
  const plain = await runCli(['check', file, '--image', DEMO_IMAGE]);
  const advice = 'The function is shorter than the jump that Xen writes';
  assert.equal(count(plain.stdout, advice), 1);
  assert.equal(count(plain.stdout, stage.mend), 0);
  assert.equal(count(plain.stdout, stage.what), 0);
  const explained = await runCli(['check', file, '--image', DEMO_IMAGE, '--explain']);
  assert.equal(count(explained.stdout, advice), 1);
  assert.equal(count(explained.stdout, stage.mend), 1);
  assert.equal(count(explained.stdout, stage.what), 1);
});

test('a refused plan says it once as well', async (context) => {
  const host = await embeddedHost(context);
  const { code, stderr } = await runCli([
    'apply',
    demo('too-small'),
    ...host,
    '--yes',
    '--explain',
  ]);
  assert.equal(code, 1);
  assert.equal(count(stderr, stage.mend), 1);
  assert.equal(count(stderr, stage.what), 1);
});

test('check --explain says once what to do about a hazard', async () => {
  const hazard = explain('nop-splits-instruction');
  assert.ok(hazard);
  const { stdout } = await runCli([
    'check',
    demo('dangerous/nop-misaligned'),
    '--image',
    DEMO_IMAGE,
    '--explain',
  ]);
  assert.equal(count(stdout, hazard.mend), 1);
  assert.equal(count(stdout, hazard.what), 1);
});

test('explain CODE prints all that is known of it, of a stage too', async () => {
  const { code, stdout } = await runCli(['explain', 'state-locked', 'metadata']);
  assert.equal(code, 0);
  const [busy = '', stageText = ''] = stdout.split('\n\n');
  const { title, what, mend } = CATALOGUE['state-locked'];
  assert.match(busy, /^state-locked \[error\] /);
  for (const text of [title, `what   ${what}`, `mend   ${mend}`]) assert.ok(busy.includes(text));
  assert.doesNotMatch(busy, /^(where|since) /m);
  assert.match(stageText, /^metadata \[stage of Xen\] /);
  assert.match(stageText, /^where {2}prepare_payload.*\nsince {2}4\.14\.\nmend /m);
});

test('explain alone lists every code and stage', async () => {
  const names = [...Object.keys(CATALOGUE), ...Object.keys(STAGES)];
  const { code, stdout } = await runCli(['explain']);
  assert.equal(code, 0);
  const [head, ...lines] = stdout.trimEnd().split('\n');
  assert.match(head ?? '', /^CODE +KIND +MEANS$/);
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    names,
  );
  const { entries } = documentOf(await runCli(['explain', '--json']));
  assert.ok(Array.isArray(entries));
  assert.deepEqual(
    entries.map((entry) => entry.code),
    names,
  );
});

test('explain --json gives the exit code of what ends a command', async () => {
  const { ok, entries } = documentOf(
    await runCli(['explain', 'busy', 'refused', 'cumulative', 'metadata', '--json']),
  );
  assert.equal(ok, true);
  assert.ok(Array.isArray(entries));
  assert.deepEqual(
    entries.map(({ kind, severity, exitCode }) => [kind, severity, exitCode]),
    [
      ['code', 'error', 2],
      ['code', 'error', 1],
      ['code', 'note', null],
      ['stage', null, null],
    ],
  );
});

test('an unknown code is wrong usage, and the nearest are named', async () => {
  const { code, stdout, stderr } = await runCli(['explain', 'busy', 'bad-hok']);
  assert.equal(code, 64);
  assert.equal(stdout, '');
  assert.match(stderr, /no code "bad-hok"\n.*payload-bad-hook/);
  for (const word of ['', 'toString', '\x1b[31m', 'x'.repeat(10_000)]) {
    const answer = await runCli(['explain', word, '--json']);
    assert.equal(answer.code, 64, word);
    const { error } = documentOf(answer);
    assert.ok(typeof error === 'object' && error !== null && 'code' in error);
    assert.equal(error.code, 'unknown-code');
  }
});
