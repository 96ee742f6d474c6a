import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { localFolder } from '../../core/files/index.js';
import { XspliceError } from '../../core/findings/index.js';
import { entryToRecover, Journal } from '../../core/store/index.js';
import { type BeginRecord, formatRecord, parseRecord } from '../../core/store/journal-record.js';
import { temporaryFolder } from '../support/cli.js';

const NOTHING = { applied: [], others: [] };
const BEGIN: Omit<BeginRecord, 'kind' | 'entry'> = {
  ...{ at: '2026-01-02T03:04:05.678Z', host: 'embedded:x', bootId: 'b', hypervisor: null },
  ...{
    version: '4.17.7',
    verb: 'apply',
    tool: '0',
    who: { uid: 0, loginUid: null, sudoUser: null },
  },
  ...{
    undoes: null,
    fingerprint: '[]',
    before: NOTHING,
    planned: NOTHING,
    steps: [],
    accepted: [],
  },
};
const end = (entry: number) =>
  ({ kind: 'end', entry, at: BEGIN.at, outcome: 'done', after: NOTHING }) as const;

function journalIn(context: TestContext) {
  const folder = temporaryFolder(context);
  const open = () => new Journal(localFolder(folder));
  const files = () => readdirSync(join(folder, 'journal'));
  return { open, files, path: join(folder, 'journal', '000001.jsonl'), folder };
}

/** Begins an entry and ends it. */
async function change(journal: Journal, more: Partial<typeof BEGIN> = {}): Promise<number> {
  const entry = await journal.begin({ ...BEGIN, ...more });
  await journal.write([end(entry)]);
  return entry;
}

test('entries are numbered across processes, and read as they were written', async (t) => {
  const { open } = journalIn(t);
  assert.deepEqual(await open().read(), { entries: [], damaged: [] });
  for (const number of [1, 2, 3]) assert.equal(await change(open()), number);
  const { entries, damaged } = await open().read();
  assert.deepEqual(damaged, []);
  assert.deepEqual(
    entries.map(({ number, end: last }) => [number, last?.outcome]),
    [
      [1, 'done'],
      [2, 'done'],
      [3, 'done'],
    ],
  );
  assert.deepEqual(entries[0]?.begin, { kind: 'begin', entry: 1, ...BEGIN });
});

test('a record is torn at every byte: what is before it is read, and the next entry mends it', async (t) => {
  const { open, path } = journalIn(t);
  await change(open());
  const whole = readFileSync(path);
  await change(open());
  const both = readFileSync(path);
  for (let length = whole.length; length < both.length; length += 7) {
    writeFileSync(path, both.subarray(0, length));
    const torn = await open().read();
    assert.deepEqual(torn.damaged, [], String(length));
    assert.ok(torn.entries.length >= 1);
    const next = await change(open());
    const { entries, damaged } = await open().read();
    assert.deepEqual(damaged, []);
    assert.equal(entries.at(-1)?.number, next);
    assert.equal(entries.at(-1)?.end?.outcome, 'done');
    assert.ok(entries.every(({ end: last, closed }) => last !== null || closed !== null));
  }
});

test('a flipped bit is one damaged line, and every other entry is there', async (t) => {
  const { open, path } = journalIn(t);
  for (let count = 0; count < 3; count++) await change(open());
  const good = readFileSync(path);
  const lines = good.toString().split('\n');
  const middle = (lines[0]?.length ?? 0) + (lines[1]?.length ?? 0) + 30;
  const bad = Buffer.from(good);
  bad[middle] = (bad[middle] ?? 0) ^ 4;
  writeFileSync(path, bad);
  const { entries, damaged } = await open().read();
  assert.deepEqual(damaged, ['000001.jsonl:3']);
  assert.deepEqual(
    entries.map(({ number }) => number),
    [1, 3],
  );
  assert.equal(await change(open()), 4);
});

test('an entry that never ended is closed by the next one, with what it found', async (t) => {
  const { open } = journalIn(t);
  await open().begin(BEGIN);
  assert.equal((await open().unended())?.number, 1);
  const found = { applied: [{ name: 'x', buildId: null, depends: null }], others: [] };
  await change(open(), { before: found });
  const { entries } = await open().read();
  assert.deepEqual(entries[0]?.closed?.found, found);
  assert.equal(await open().unended(), null);
});

test('the journal is bounded: old files go, numbers go on', async (t) => {
  const { open, files, folder } = journalIn(t);
  const journal = open();
  const fingerprint = 'x'.repeat(100_000);
  for (let count = 1; count <= 80; count++)
    assert.equal(await change(journal, { fingerprint }), count);
  assert.equal(files().length, 20);
  const sizes = files().map((name) => statSync(join(folder, 'journal', name)).size);
  assert.ok(Math.max(...sizes) < 400_000, String(sizes));
  const { entries } = await open().read();
  assert.equal(entries.at(-1)?.number, 80);
  assert.ok(entries.length >= 40 && entries.length < 80);
  assert.equal(await change(open()), 81);
});

test('a file that is not a journal is damage, and not more', async (t) => {
  const { open, path } = journalIn(t);
  await change(open());
  appendFileSync(path, `${'\u0000'.repeat(100)}\n{"kind":"begin"}\nhello\n`);
  const { entries, damaged } = await open().read();
  assert.equal(entries.length, 1);
  assert.deepEqual(damaged, ['000001.jsonl:3', '000001.jsonl:4', '000001.jsonl:5']);
});

test('records of another shape are none', () => {
  const line = formatRecord({ kind: 'begin', entry: 1, ...BEGIN }).slice(0, -1);
  assert.ok(parseRecord(line));
  for (const bad of [
    '',
    'x',
    line.slice(1),
    `${line} `,
    line.replace('"verb":"apply"', '"verb":7'),
  ]) {
    assert.equal(parseRecord(bad), null, bad.slice(0, 20));
  }
  const strange = { ...BEGIN, kind: 'begin', entry: 'one' } as unknown as BeginRecord;
  assert.equal(parseRecord(formatRecord(strange).slice(0, -1)), null);
});

test('a journal of a newer version is neither read nor written', async (t) => {
  const { open, folder, path } = journalIn(t);
  await change(open());
  const before = readFileSync(path);
  writeFileSync(join(folder, 'store.json'), '{"formatVersion": 2}');
  const isTooNew = (error: unknown) =>
    error instanceof XspliceError && error.code === 'store-too-new';
  await assert.rejects(open().read(), isTooNew);
  await assert.rejects(open().begin(BEGIN), isTooNew);
  assert.deepEqual(readFileSync(path), before);
});

test('a change that never ended is recovered again where a recovery did not get to its end', async (t) => {
  const { open, path } = journalIn(t);
  const recover = { verb: 'recover', planned: BEGIN.planned };
  const toRecover = async () => entryToRecover((await open().read()).entries)?.number ?? null;
  await open().begin(BEGIN);
  assert.equal(await toRecover(), 1);
  const before = readFileSync(path);
  const again = open();
  await again.begin({ ...BEGIN, ...recover });
  assert.equal(await toRecover(), 1, 'it was killed');
  await again.write([{ ...end(2), outcome: 'taken-back' }]);
  assert.equal(await toRecover(), 1, 'it failed');
  // The power goes while it begins: whatever is torn off, the change is not forgotten.
  const whole = readFileSync(path);
  for (let size = before.length; size < whole.length; size += 7) {
    writeFileSync(path, whole.subarray(0, size));
    assert.equal(await toRecover(), 1, `${size} bytes`);
  }
  writeFileSync(path, whole);
  const last = open();
  await last.begin({ ...BEGIN, ...recover });
  await last.write([end(3)]);
  assert.equal(await toRecover(), null);
});

test('what was not recovered is passed over once there is another change', async (t) => {
  const { open } = journalIn(t);
  await open().begin(BEGIN);
  await change(open());
  assert.equal(entryToRecover((await open().read()).entries), null);
});
