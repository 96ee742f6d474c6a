import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { localFolder } from '../../core/files/index.js';
import { XspliceError } from '../../core/findings/index.js';
import { PayloadStore } from '../../core/store/index.js';
import { demo, temporaryFolder } from '../support/cli.js';
import { inputsOf } from '../support/demo-host.js';

const [hello, bye] = inputsOf(demo('hello'), demo('bye'));
assert.ok(hello && bye);
const unsigned = (...payloads: readonly (typeof hello)[]) =>
  payloads.map((payload) => ({ payload, signatures: [] }));

function storeIn(context: TestContext): { readonly store: PayloadStore; readonly folder: string } {
  const folder = join(temporaryFolder(context), 'store');
  return { store: new PayloadStore(localFolder(folder, { isPathChecked: true })), folder };
}

function failsWith(code: string) {
  return (error: unknown) => error instanceof XspliceError && error.code === code;
}

test('a store that is not there is empty, and nothing is made by looking', async (t) => {
  const { store, folder } = storeIn(t);
  assert.deepEqual(await store.list(), []);
  assert.deepEqual(await store.verify(), []);
  assert.equal(await store.find('hello'), null);
  await assert.rejects(store.require('hello'), failsWith('store-no-such-payload'));
  assert.throws(() => readdirSync(folder), /ENOENT/);
});

test('a payload is kept once, and found by name, build-id and digest', async (t) => {
  const { store, folder } = storeIn(t);
  const [first] = await store.add(unsigned(hello));
  assert.equal(first?.isNew, true);
  assert.deepEqual(first.payload.buildId, hello.planned.buildId);
  const [again] = await store.add(unsigned(hello));
  assert.equal(again?.isNew, false);
  assert.deepEqual(again.payload, first.payload);
  await store.add(unsigned(bye));
  assert.deepEqual(
    (await store.list()).map(({ name }) => name),
    ['bye', 'hello'],
  );
  const { buildId } = hello.planned;
  for (const text of [
    'hello',
    buildId ?? '',
    buildId?.slice(0, 8) ?? '',
    hello.input.sha256.slice(0, 12),
  ]) {
    const found = await store.require(text);
    assert.equal(found.sha256, hello.input.sha256);
    const input = await store.read(found);
    assert.deepEqual(Buffer.from(input.bytes), Buffer.from(hello.input.bytes));
    assert.equal(input.file, join(folder, 'payloads', hello.input.sha256, 'hello.livepatch'));
    assert.equal(input.name, 'hello');
  }
  await assert.rejects(store.require('hallo'), (error: unknown) => {
    return error instanceof XspliceError && /Did you mean hello/.test(error.hint);
  });
});

test('signatures are kept beside a payload, also those that come later', async (t) => {
  const { store, folder } = storeIn(t);
  await store.add(unsigned(hello));
  const signature = { suffix: '.minisig', bytes: Buffer.from('signed') };
  const [added] = await store.add([{ payload: hello, signatures: [signature] }]);
  assert.equal(added?.isNew, false);
  assert.deepEqual((await store.require('hello')).signatures, ['hello.livepatch.minisig']);
  const path = join(folder, 'payloads', hello.input.sha256, 'hello.livepatch.minisig');
  assert.equal(readFileSync(path, 'utf8'), 'signed');
});

test('what is not what its digest says is reported, never given out, and mended by its file', async (t) => {
  const { store, folder } = storeIn(t);
  await store.add(unsigned(hello, bye));
  const path = join(folder, 'payloads', hello.input.sha256, 'hello.livepatch');
  const bytes = readFileSync(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const wrong = (await store.verify()).filter((state) => state.wrong !== null);
  assert.deepEqual(
    wrong.map(({ sha256 }) => sha256),
    [hello.input.sha256],
  );
  assert.match(wrong[0]?.wrong ?? '', /holds other bytes/);
  await assert.rejects(store.read(await store.require('hello')), failsWith('store-damaged'));
  rmSync(path);
  await assert.rejects(store.read(await store.require('hello')), /is not there/);
  await store.add(unsigned(hello));
  assert.equal((await store.read(await store.require('hello'))).sha256, hello.input.sha256);
  assert.ok((await store.verify()).every((state) => state.wrong === null));
});

test('a payload that was never wholly added is none, and is completed by the next add', async (t) => {
  const { store, folder } = storeIn(t);
  await store.add(unsigned(hello));
  rmSync(join(folder, 'payloads', hello.input.sha256, 'about.json'));
  assert.deepEqual(await store.list(), []);
  assert.match((await store.verify())[0]?.wrong ?? '', /never wholly added/);
  const [added] = await store.add(unsigned(hello));
  assert.equal(added?.isNew, true);
  assert.equal((await store.list()).length, 1);
});

test('two payloads of one name are told apart', async (t) => {
  const { store } = storeIn(t);
  const other = { ...bye, planned: { ...bye.planned, name: 'hello' } };
  await store.add(unsigned(hello, other));
  await assert.rejects(store.find('hello'), failsWith('store-ambiguous'));
  const found = await store.require(hello.planned.buildId ?? '');
  assert.equal(found.sha256, hello.input.sha256);
});

test('what is removed is gone', async (t) => {
  const { store, folder } = storeIn(t);
  await store.add(unsigned(hello, bye));
  assert.deepEqual(await store.remove((sha256) => sha256 === bye.input.sha256), [bye.input.sha256]);
  assert.deepEqual(
    (await store.list()).map(({ name }) => name),
    ['hello'],
  );
  assert.deepEqual(readdirSync(join(folder, 'payloads')), [hello.input.sha256]);
});

test('what somebody put beside a payload is removed with it, and nothing behind a link', async (t) => {
  const { store, folder } = storeIn(t);
  await store.add(unsigned(hello));
  const place = join(folder, 'payloads', hello.input.sha256);
  const other = join(temporaryFolder(t), 'kept');
  mkdirSync(join(place, 'notes', 'old'), { recursive: true });
  writeFileSync(other, 'text');
  symlinkSync(other, join(place, 'notes', 'link'));
  assert.deepEqual(await store.remove(() => true), [hello.input.sha256]);
  assert.deepEqual(readdirSync(join(folder, 'payloads')), []);
  assert.equal(readFileSync(other, 'utf8'), 'text');
});

test('a store of a newer version is refused, and stays as it is', async (t) => {
  const { store, folder } = storeIn(t);
  await store.add(unsigned(hello));
  writeFileSync(join(folder, 'store.json'), '{"formatVersion": 2}');
  for (const attempt of [
    () => store.list(),
    () => store.find('hello'),
    () => store.add(unsigned(bye)),
    () => store.remove(() => true),
  ]) {
    await assert.rejects(attempt(), failsWith('store-too-new'));
  }
  assert.deepEqual(readdirSync(join(folder, 'payloads')), [hello.input.sha256]);
  writeFileSync(join(folder, 'store.json'), 'nothing');
  await assert.rejects(store.list(), failsWith('store-damaged'));
});

test('a store that somebody else could have written to is refused', async (t) => {
  const { store, folder } = storeIn(t);
  await store.add(unsigned(hello));
  const path = join(folder, 'payloads', hello.input.sha256, 'hello.livepatch');
  chmodSync(path, 0o622);
  await assert.rejects(store.read(await store.require('hello')), failsWith('folder-not-trusted'));
  chmodSync(path, 0o600);
  rmSync(path);
  symlinkSync(demo('hello'), path);
  await assert.rejects(store.read(await store.require('hello')), failsWith('folder-not-trusted'));

  // Who may write to a folder on the way puts another store there.
  const open = join(temporaryFolder(t), 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  const below = new PayloadStore(localFolder(join(open, 'a', 'store'), { isPathChecked: true }));
  await assert.rejects(below.add(unsigned(hello)), failsWith('folder-not-trusted'));
  assert.deepEqual(readdirSync(open), []);
  // Not where only its owner may rename what is in it.
  chmodSync(open, 0o1777);
  await below.add(unsigned(hello));
});

test('what is kept beside a payload is not believed where it is no such thing', async (t) => {
  const { store, folder } = storeIn(t);
  await store.add(unsigned(hello));
  const about = join(folder, 'payloads', hello.input.sha256, 'about.json');
  const good = JSON.parse(readFileSync(about, 'utf8'));
  for (const bad of [
    { file: '../../../etc/shadow' },
    { sha256: 'abc' },
    { name: 7 },
    { buildId: 'xyz' },
  ]) {
    writeFileSync(about, JSON.stringify({ ...good, ...bad }));
    await assert.rejects(store.list(), failsWith('store-damaged'), JSON.stringify(bad));
    assert.ok((await store.verify())[0]?.wrong);
  }
  writeFileSync(about, '{');
  await assert.rejects(store.list(), failsWith('store-damaged'));
});
