import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import {
  CHAIN,
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  refused,
  runCli,
  succeed,
  temporaryFolder,
} from '../support/cli.js';

type Host = readonly [string, string];

interface Entry {
  readonly number: number;
  readonly verb: string;
  readonly undoes: number | null;
  readonly state: string;
  readonly who: { readonly uid: number; readonly sudoUser: string | null };
  readonly accepted: readonly { readonly code: string }[];
  readonly steps: readonly {
    readonly action: string;
    readonly status: string | null;
    readonly sha256?: string;
  }[];
}

async function entries(host: Host): Promise<readonly Entry[]> {
  return documentOf(await succeed('history', '--json', ...host))['entries'] as readonly Entry[];
}

/** `hello*` is applied, `bye` is loaded. */
async function loaded(host: Host): Promise<string> {
  const { payloads } = documentOf(await succeed('list', '--json', ...host)) as unknown as {
    readonly payloads: readonly {
      readonly name: string;
      readonly state: string;
      readonly position: number;
    }[];
  };
  return [...payloads]
    .sort((a, b) => (a.position ?? 99) - (b.position ?? 99))
    .map(({ name, state }) => `${name}${state === 'APPLIED' ? '*' : ''}`)
    .join(' ');
}

function journalOf(host: Host): string {
  return join(host[1].slice('embedded:'.length), 'memory', 'host', 'journal', '000001.jsonl');
}

/** As if the process that wrote the last entry had been killed: its last record is missing. */
function forgetEnd(host: Host): void {
  const path = journalOf(host);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  assert.match(lines.at(-1) ?? '', /"kind":"end"/);
  writeFileSync(path, `${lines.slice(0, -1).join('\n')}\n`);
}

test('each change is remembered with who, what, why and what came of it', async (t) => {
  const host = await embeddedHost(t);
  assert.match((await succeed('history', ...host)).stdout, /Nothing was changed yet/);
  await succeed('apply', demo('hello'), '--dry-run', ...host);
  await runCli(['apply', demo('hello'), demo('bye'), '--yes', ...host], {
    env: { SUDO_USER: 'ann' },
  });
  await succeed('revert', '--yes', ...host);
  const all = await entries(host);
  assert.deepEqual(
    all.map(({ number, verb, state }) => [number, verb, state]),
    [
      [1, 'apply', 'done'],
      [2, 'revert', 'done'],
    ],
  );
  assert.equal(all[0]?.who.sudoUser, 'ann');
  assert.equal(all[0]?.who.uid, process.geteuid?.());
  assert.deepEqual(
    all[0]?.steps.map(({ action, status }) => `${action} ${status}`),
    ['upload done', 'upload done', 'apply done', 'apply done'],
  );
  assert.ok(all[0]?.steps.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256 ?? '')));
  const { stdout } = await succeed('history', ...host);
  assert.match(
    stdout,
    /2 +\d{4}-.* UTC +.* +revert bye +done +hello\n1 +.*ann \(as .*\) +apply hello, bye +done +hello, bye/,
  );
  const shown = (await succeed('history', 'show', '1', ...host)).stdout;
  assert.match(shown, /Meant +hello, bye/);
  assert.match(shown, /Xen printed\n/);
  assert.equal((await refused('history', 'show', '9', ...host)).code, 'journal-no-entry');
  assert.equal((await runCli(['history', 'sho', '1', ...host])).code, 64);
});

test('an accepted hazard is remembered', async (t) => {
  const host = await embeddedHost(t);
  const { stdout } = await runCli([
    'apply',
    demo('dangerous/nop-misaligned'),
    '--json',
    '--yes',
    ...host,
  ]);
  const [first] = (JSON.parse(stdout).findings as { code: string; severity: string }[]).filter(
    ({ severity }) => severity === 'error',
  );
  assert.ok(first);
  await succeed(
    'apply',
    demo('dangerous/nop-misaligned'),
    '--accept',
    first.code,
    '--yes',
    ...host,
  );
  assert.deepEqual(
    (await entries(host))[0]?.accepted.map(({ code }) => code),
    [first.code],
  );
});

const UNDONE: readonly (readonly [
  name: string,
  setup: readonly (readonly string[])[],
  change: readonly string[],
])[] = [
  ['apply', [], ['apply', ...CHAIN.slice(0, 3)]],
  ['apply of what was loaded', [['upload', demo('hello')]], ['apply', 'hello']],
  ['revert', [['apply', ...CHAIN.slice(0, 3)]], ['revert', '--to', 'chain-01']],
  ['upload', [], ['upload', demo('hello')]],
  ['unload', [['upload', demo('hello')]], ['unload', 'hello']],
  ['replace', [['apply', demo('hello'), demo('bye')]], ['replace', demo('replace')]],
];

for (const [name, setup, change] of UNDONE) {
  test(`undo of ${name} takes it back, and undone again it is there again`, async (t) => {
    const host = await embeddedHost(t);
    for (const words of setup) await succeed(...words, '--yes', ...host);
    const before = await loaded(host);
    await succeed(...change, '--yes', ...host);
    const after = await loaded(host);
    assert.notEqual(after, before);
    await succeed('undo', '--dry-run', ...host);
    assert.equal(await loaded(host), after);
    await succeed('undo', '--yes', ...host);
    assert.equal(await loaded(host), before);
    await succeed('undo', '--yes', ...host);
    assert.equal(await loaded(host), after);
    const all = await entries(host);
    assert.deepEqual(
      all.slice(-2).map(({ undoes }) => undoes),
      [all.length - 2, all.length - 1],
    );
  });
}

test('undo is refused where it would not lead back', async (t) => {
  const host = await embeddedHost(t);
  assert.equal((await refused('undo', '--yes', ...host)).code, 'undo-nothing');
  await succeed('apply', demo('hello'), '--yes', ...host);
  // Another tool was at it: this program too, with another memory.
  const elsewhere = ['--store', join(temporaryFolder(t), 'other')];
  await succeed('revert', '--yes', ...host, ...elsewhere);
  const differs = await refused('undo', '--yes', ...host);
  assert.equal(differs.code, 'undo-differs');
  assert.match(differs.message, /left was hello, and now it is nothing; loaded: hello/);
  await succeed('apply', 'hello', '--yes', ...host, ...elsewhere);
  await succeed('init', '--image', DEMO_IMAGE, '--yes', ...host);
  const booted = await refused('undo', '--yes', ...host);
  assert.equal(booted.code, 'undo-other-boot');
  assert.match(booted.message, /before the hypervisor booted/);
});

test('what an undo unloads can be taken back, where the store has it', async (t) => {
  const note = /unload of \w+ cannot be taken back: no file of it is at hand/;
  const [kept, lacking] = [await embeddedHost(t), await embeddedHost(t)];
  await succeed('apply', demo('hello'), demo('bye'), '--yes', ...kept);
  assert.doesNotMatch((await succeed('undo', '--dry-run', ...kept)).stdout, note);
  await succeed('apply', demo('hello'), demo('bye'), '--yes', '--no-store', ...lacking);
  assert.match((await succeed('undo', '--dry-run', ...lacking)).stdout, note);
});

test('what was not kept cannot be brought back, and undo says so', async (t) => {
  const host = await embeddedHost(t);
  await succeed('upload', demo('hello'), '--yes', '--no-store', ...host);
  await succeed('unload', 'hello', '--yes', ...host);
  assert.equal((await refused('undo', '--yes', ...host)).code, 'return-lacks-payload');
  await succeed('store', 'add', demo('hello'), ...host);
  await succeed('undo', '--yes', ...host);
  assert.equal(await loaded(host), 'hello');
});

test('of a change that never ended the next run says what was meant and what is', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('hello'), demo('bye'), '--yes', ...host);
  await succeed('revert', '--yes', ...host, '--store', join(temporaryFolder(t), 'other'));
  forgetEnd(host);
  const plan = await succeed('apply', demo('hello'), demo('bye'), '--dry-run', ...host);
  assert.match(
    plan.stdout,
    /Change 1 \(apply, .*\) never ended: it was to leave hello, bye; applied now: hello \[change-interrupted\]/,
  );
  assert.equal((await refused('undo', '--yes', ...host)).code, 'undo-interrupted');
  assert.equal((await entries(host))[0]?.state, 'open');
  await succeed('recover', '--yes', ...host);
  assert.equal(await loaded(host), 'hello* bye*');
  assert.deepEqual(
    (await entries(host)).map(({ verb, state }) => [verb, state]),
    [
      ['apply', 'interrupted'],
      ['recover', 'done'],
    ],
  );
  assert.match((await succeed('recover', '--yes', ...host)).stdout, /nothing to recover/);
});

test('it is taken back with recover --back', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('hello'), demo('bye'), '--yes', ...host);
  forgetEnd(host);
  await succeed('recover', '--back', '--yes', ...host);
  assert.equal(await loaded(host), '');
});

test('one that is complete, or of another boot, is closed and nothing is done', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('hello'), '--yes', ...host);
  forgetEnd(host);
  assert.match(
    (await succeed('recover', '--yes', ...host)).stdout,
    /What is loaded is what was wanted/,
  );
  assert.equal((await entries(host))[0]?.state, 'interrupted');
  await succeed('revert', '--yes', ...host);
  forgetEnd(host);
  await succeed('init', '--image', DEMO_IMAGE, '--yes', ...host);
  assert.match((await succeed('recover', '--yes', ...host)).stdout, /booted since/);
  assert.equal(await loaded(host), '');
});

test('clean unloads what a killed change left, and nothing that anybody asked for', async (t) => {
  const host = await embeddedHost(t);
  await succeed('upload', demo('metadata'), '--yes', ...host);
  await succeed('upload', demo('hello'), demo('bye'), '--yes', ...host);
  forgetEnd(host);
  assert.match((await succeed('clean', '--dry-run', ...host)).stdout, /unload +hello/);
  await succeed('clean', '--yes', ...host);
  assert.equal(await loaded(host), 'metadata');
  assert.match((await succeed('clean', ...host)).stdout, /Nothing is left over/);
});

test('where the journal cannot be written, nothing is brought in, and taking out goes on', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('hello'), '--yes', ...host);
  const store = join(temporaryFolder(t), 'store');
  const elsewhere = ['--store', store];
  await succeed('upload', demo('bye'), '--yes', ...host, ...elsewhere);
  await succeed('unload', 'bye', '--yes', ...host, ...elsewhere);
  const [own = ''] = readdirSync(store).filter((name) => name.startsWith('host-'));
  writeFileSync(join(store, own, 'store.json'), '{"formatVersion": 99}');
  for (const words of [
    ['apply', demo('bye')],
    ['load', demo('bye')],
    ['replace', demo('replace')],
  ]) {
    const error = await refused(...words, '--yes', '--no-store', ...host, ...elsewhere);
    assert.equal(error.code, 'not-accepted', words[0]);
    assert.match(error.message, /journal-not-writable$/);
  }
  assert.equal(await loaded(host), 'hello*');
  const accepted = ['--accept', 'journal-not-writable'];
  await succeed('apply', demo('bye'), '--yes', '--no-store', ...accepted, ...host, ...elsewhere);
  assert.equal(await loaded(host), 'hello* bye*');
  const reverted = await succeed('revert', '--yes', ...host, ...elsewhere);
  assert.match(
    reverted.stdout,
    /warning The journal .* cannot be written.*\[journal-not-writable\]/,
  );
  await succeed('unload', 'bye', '--yes', ...host, ...elsewhere);
  assert.equal(await loaded(host), 'hello*');
});

test('a read-only place is found out before anything is asked', async (t) => {
  if (process.geteuid?.() === 0) return t.skip('root writes where it likes');
  const host = await embeddedHost(t);
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o500);
  const error = await refused(
    'apply',
    demo('hello'),
    '--yes',
    '--no-store',
    ...host,
    '--store',
    join(folder, 'x'),
  );
  assert.equal(error.code, 'not-accepted');
});

test('prune keeps what is loaded and what the last changes need', async (t) => {
  const host = await embeddedHost(t);
  await succeed('store', 'add', demo('replace'), ...host);
  await succeed('apply', demo('hello'), '--yes', ...host);
  await succeed('revert', '--yes', ...host);
  await succeed('unload', 'hello', '--yes', ...host);
  assert.equal((await runCli(['store', 'prune', ...host])).code, 64);
  assert.match((await succeed('store', 'prune', '--yes', ...host)).stdout, /Removed replace/);
  assert.match((await succeed('store', 'list', ...host)).stdout, /hello/);
  for (let count = 0; count < 10; count++) {
    await succeed('upload', demo('bye'), '--yes', ...host);
    await succeed('unload', 'bye', '--yes', ...host);
  }
  assert.match((await succeed('store', 'prune', '--yes', ...host)).stdout, /Removed hello/);
  await succeed('upload', 'bye', '--yes', ...host);
});
