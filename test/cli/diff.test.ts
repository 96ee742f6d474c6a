import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { CHAIN, demo, documentOf, embeddedHost, runCli, temporaryFolder } from '../support/cli.js';

interface Row {
  readonly kind: string;
  readonly payload: string | null;
  readonly name: string;
  readonly left: string | null;
  readonly right: string | null;
}

async function diff(...words: readonly string[]): Promise<{ code: number | null; rows: Row[] }> {
  const result = await runCli(['diff', ...words, '--json']);
  const document = documentOf(result);
  assert.equal(document['ok'], true, result.stderr);
  return { code: result.code, rows: document['differences'] as Row[] };
}

test('a payload is equal to itself, and differs from another in what differs', async (t) => {
  assert.deepEqual(await diff(demo('hello'), demo('hello')), { code: 0, rows: [] });
  const { code, rows } = await diff(demo('hello'), demo('hook-load'));
  assert.equal(code, 4);
  const of = (kind: string) => rows.filter((row) => row.kind === kind).map(({ name }) => name);
  assert.deepEqual(of('id'), ['build-id']);
  assert.deepEqual(of('hook'), ['load', 'unload']);
  assert.ok(of('section').includes('.text'));
  assert.ok(of('symbol').includes('printk'));
  const longer = join(temporaryFolder(t), 'hello.livepatch');
  writeFileSync(longer, Buffer.concat([readFileSync(demo('hello')), Buffer.from('x')]));
  const appended = await diff(demo('hello'), longer);
  assert.equal(appended.code, 4, 'bytes that nothing reads are a difference all the same');
  assert.deepEqual(
    appended.rows.map(({ kind }) => kind),
    ['file'],
  );
});

test('two folders are compared payload by payload', async (t) => {
  const root = temporaryFolder(t);
  for (const folder of ['a', 'b']) mkdirSync(join(root, folder));
  const copy = (from: string, to: string) => copyFileSync(from, join(root, to));
  for (const folder of ['a', 'b']) copy(demo('chain-01'), `${folder}/one.livepatch`);
  copy(demo('chain-02'), 'a/two.livepatch');
  copy(demo('chain-03'), 'b/three.livepatch');
  const { code, rows } = await diff(join(root, 'a'), join(root, 'b'));
  assert.equal(code, 4);
  assert.deepEqual(
    rows.map(({ kind, name, left, right }) => [kind, name, left === null, right === null]),
    [
      ['payload', 'two', false, true],
      ['payload', 'three', true, false],
    ],
  );
});

test('a chain is compared with what a host has applied', async (t) => {
  const host = await embeddedHost(t);
  const folder = temporaryFolder(t);
  for (const [index, file] of CHAIN.slice(0, 3).entries()) {
    copyFileSync(file, join(folder, `${index}.livepatch`));
  }
  const before = await diff(folder, ...host);
  assert.deepEqual([before.code, before.rows.length], [4, 3]);
  assert.equal((await runCli(['apply', folder, '--yes', ...host])).code, 0);
  assert.deepEqual(await diff(folder, ...host), { code: 0, rows: [] });
});

test('plan --exit-code tells whether something would change', async (t) => {
  const host = await embeddedHost(t);
  const words = ['plan', demo('hello'), '--exit-code', '--json', ...host];
  const before = await runCli(words);
  assert.equal(before.code, 4, before.stderr);
  assert.equal(documentOf(before)['ok'], true);
  assert.equal((await runCli(['plan', demo('hello'), ...host])).code, 0);
  assert.equal((await runCli(['apply', demo('hello'), '--yes', ...host])).code, 0);
  assert.equal((await runCli(words)).code, 0);
  assert.equal((await runCli(['apply', demo('hello'), '--exit-code', ...host])).code, 64);
});
