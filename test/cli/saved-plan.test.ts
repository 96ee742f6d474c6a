import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { savedPlanSchema } from '../../cli/schemas/documents.js';
import {
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  runCli,
  temporaryFolder,
} from '../support/cli.js';

/** Two payloads in a folder, and the plan to apply them on a new hypervisor. */
async function planned(t: TestContext, ...options: readonly string[]) {
  const host = await embeddedHost(t);
  const folder = temporaryFolder(t);
  const files = ['hello', 'bye'].map((name) => {
    const file = join(folder, `${name}.livepatch`);
    copyFileSync(demo(name), file);
    return file;
  });
  const file = join(folder, 'saved.plan');
  const made = await runCli(['plan', ...files, ...options, '--output', file, ...host]);
  assert.equal(made.code, 0, made.stderr);
  return { host, folder, files, file };
}

async function appliedOn(host: readonly string[]): Promise<readonly string[]> {
  const { payloads } = documentOf(await runCli(['list', ...host, '--json']));
  assert.ok(Array.isArray(payloads));
  return payloads.flatMap(({ name, state }) => (state === 'APPLIED' ? [name] : []));
}

/** The code of the error with which carrying out a plan ends; null where it does not. */
async function applySaved(file: string, host: readonly string[], ...more: readonly string[]) {
  const { code, stdout } = await runCli([
    'apply',
    '--plan',
    file,
    ...host,
    '--yes',
    '--json',
    ...more,
  ]);
  const { error } = JSON.parse(stdout);
  assert.equal(error === undefined, code === 0);
  return error?.code ?? null;
}

test('a saved plan is carried out once, as it was shown', async (t) => {
  const { host, file } = await planned(t);
  const ajv = new Ajv2020();
  assert.ok(
    ajv.validate(savedPlanSchema(), JSON.parse(readFileSync(file, 'utf8'))),
    ajv.errorsText(),
  );
  const dry = await runCli(['apply', '--plan', file, ...host, '--dry-run']);
  assert.match(dry.stdout, /upload, apply {2}hello[\s\S]*Dry run: nothing was changed/);
  assert.deepEqual(await appliedOn(host), []);
  assert.equal(await applySaved(file, host), null);
  assert.deepEqual(await appliedOn(host), ['hello', 'bye']);
  assert.equal(await applySaved(file, host), 'stale-plan');
});

test('plans of every verb are carried out by apply --plan', async (t) => {
  const { host, folder, files } = await planned(t);
  const plans: readonly (readonly [readonly string[], readonly string[]])[] = [
    [['upload', ...files], []],
    [
      ['apply', 'hello', 'bye'],
      ['hello', 'bye'],
    ],
    [['revert', '--to', 'hello'], ['hello']],
    [['unload', 'bye'], ['hello']],
    [['replace', demo('replace')], ['replace']],
    [['revert'], []],
    [['load', demo('independent-a'), '--check', 'old-code'], ['independent-a']],
    [
      [demo('independent-b'), '--mode', 'independent'],
      ['independent-a', 'independent-b'],
    ],
    [
      [
        'revert',
        'independent-a',
        demo('independent-a'),
        demo('independent-b'),
        '--check',
        'old-code',
      ],
      ['independent-b'],
    ],
  ];
  for (const [words, applied] of plans) {
    const file = join(folder, 'next.plan');
    const made = await runCli(['plan', ...words, '-o', file, ...host]);
    assert.equal(made.code, 0, `${words.join(' ')}: ${made.stderr}`);
    assert.equal(await applySaved(file, host), null, words.join(' '));
    assert.deepEqual(await appliedOn(host), applied, words.join(' '));
  }
});

test('it is refused on another host, with other payloads, after a change, and with other steps', async (t) => {
  const { host, folder, files, file } = await planned(t);
  const other = await embeddedHost(t);
  assert.equal(await applySaved(file, other), 'plan-of-other-host');
  const [hello = '', bye = ''] = files;
  renameSync(hello, join(folder, 'kept'));
  assert.equal(await applySaved(file, host), 'file-not-found');
  copyFileSync(bye, hello);
  assert.equal(await applySaved(file, host), 'payload-changed');
  renameSync(join(folder, 'kept'), hello);
  const text = readFileSync(file, 'utf8');
  const forged = join(folder, 'forged.plan');
  writeFileSync(forged, text.replace('"action": "apply"', '"action": "replace"'));
  assert.equal(await applySaved(forged, host), 'stale-plan');
  writeFileSync(forged, text.replace('"nodeps": false', '"nodeps": true'));
  assert.equal(await applySaved(forged, host), 'stale-plan');
  await runCli(['upload', demo('data'), '--yes', ...host]);
  assert.equal(await applySaved(file, host), 'stale-plan');
  assert.deepEqual(await appliedOn(host), []);
});

test('a folder with plan and payloads can be moved', async (t) => {
  const { host, folder, file } = await planned(t);
  const moved = join(temporaryFolder(t), 'moved');
  mkdirSync(moved);
  for (const name of ['hello.livepatch', 'bye.livepatch', 'saved.plan']) {
    renameSync(join(folder, name), join(moved, name));
  }
  assert.equal(await applySaved(file, host), 'file-not-found');
  assert.equal(await applySaved(join(moved, 'saved.plan'), host), null);
});

test('dangers that were let pass stay so, and no others', async (t) => {
  const host = await embeddedHost(t);
  const file = join(temporaryFolder(t), 'saved.plan');
  const words = [demo('dangerous/nop-misaligned'), ...host, '-o', file];
  assert.equal((await runCli(['plan', ...words])).code, 1);
  assert.equal(await applySaved(file, host), 'file-not-found', 'a refused plan is not saved');
  const accept = ['--accept', 'nop-splits-instruction'];
  assert.equal((await runCli(['plan', ...words, ...accept])).code, 0);
  const text = readFileSync(file, 'utf8');
  assert.match(text, /"nop-splits-instruction=nop-misaligned"/);
  writeFileSync(file, text.replace('"nop-splits-instruction=nop-misaligned"', ''));
  assert.equal(await applySaved(file, host), 'not-accepted');
  writeFileSync(file, text.replace('nop-splits-instruction=nop-misaligned', 'would-be-fatal'));
  assert.equal(await applySaved(file, host), 'bad-accept');
  writeFileSync(file, text);
  assert.equal(await applySaved(file, host), null);
});

test('what the plan says already is not said again', async (t) => {
  const { host, file } = await planned(t);
  for (const more of [['x'], ['--check', 'both'], ['--nodeps'], ['--accept', 'init-code']]) {
    assert.equal(await applySaved(file, host, ...more), 'usage', more.join(' '));
  }
  const { code, stderr } = await runCli(['revert', '--plan', file, ...host]);
  assert.equal(code, 64);
  assert.match(stderr, /revert takes no --plan/);
});

test('whatever is in the file, the host is changed as planned or not at all', async (t) => {
  const { host, folder, file } = await planned(t);
  const bytes = readFileSync(file);
  const broken = join(folder, 'broken.plan');
  const known = ['plan-damaged', 'plan-of-other-host', 'payload-changed', 'stale-plan'];
  const others = ['bad-accept', 'file-not-found', 'file-not-readable', 'not-a-file', 'usage'];
  const at = fc.integer({ min: 0, max: bytes.length - 1 });
  const change = fc.tuple(at, fc.integer({ min: 0, max: 40 }), fc.uint8Array({ maxLength: 8 }));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      let text = bytes;
      for (const [from, length, put] of changes) {
        text = Buffer.concat([text.subarray(0, from), put, text.subarray(from + length)]);
      }
      writeFileSync(broken, text);
      const error = await applySaved(broken, host, '--dry-run');
      assert.ok(error === null || [...known, ...others].includes(error), error);
    }),
    { numRuns: 60 },
  );
  for (const text of [
    '',
    'null',
    '[]',
    '{}',
    '{"formatVersion": 9}',
    '\u001b[31m',
    '{'.repeat(99),
  ]) {
    writeFileSync(broken, text);
    const { code, stderr } = await runCli(['apply', '--plan', broken, ...host, '--yes']);
    assert.equal(code, 1);
    assert.match(stderr, /^xsplice-ts: .*broken\.plan:1: .*\n[\s\S]*Make a new plan/);
    assert.ok(!stderr.includes('\u001b'));
  }
  assert.equal(await applySaved(DEMO_IMAGE, host), 'plan-damaged');
  assert.equal(await applySaved('/dev/zero', host), 'not-a-file');
  assert.equal(await applySaved(folder, host), 'not-a-file');
  assert.deepEqual(await appliedOn(host), []);
});
