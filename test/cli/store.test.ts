import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { readImage } from '../../core/image/index.js';
import {
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  runCli,
  succeed,
  temporaryFolder,
} from '../support/cli.js';

interface Kept {
  readonly name: string;
  readonly sha256: string;
  readonly buildId: string;
  readonly signatures: readonly string[];
}

async function kept(...where: readonly string[]): Promise<readonly Kept[]> {
  return documentOf(await succeed('store', 'list', '--json', ...where))[
    'payloads'
  ] as readonly Kept[];
}

async function stack(host: readonly string[]): Promise<readonly string[]> {
  const { payloads } = documentOf(await succeed('list', '--json', ...host)) as unknown as {
    readonly payloads: readonly { readonly name: string; readonly state: string }[];
  };
  return payloads.filter(({ state }) => state === 'APPLIED').map(({ name }) => name);
}

test('payloads are added, listed, verified and removed', async (t) => {
  const folder = temporaryFolder(t);
  const store = ['--store', join(folder, 'kept')];
  copyFileSync(demo('hello'), join(folder, 'hello.livepatch'));
  writeFileSync(join(folder, 'hello.livepatch.minisig'), 'a signature');
  await succeed('store', 'add', join(folder, 'hello.livepatch'), demo('bye'), ...store);
  const all = await kept(...store);
  assert.deepEqual(
    all.map(({ name }) => name),
    ['bye', 'hello'],
  );
  assert.deepEqual(all[1]?.signatures, ['hello.livepatch.minisig']);
  const { stdout } = await succeed('store', 'list', ...store);
  assert.match(stdout, /hello +[0-9a-f]{12} +[0-9a-f]{12} +[0-9a-f]{12} +\.minisig/);
  assert.match(
    (await succeed('store', 'verify', ...store)).stdout,
    /2 payloads, each as it was added/,
  );

  const path = join(folder, 'kept', 'payloads', all[0]?.sha256 ?? '', 'bye.livepatch');
  writeFileSync(path, 'other bytes');
  const bad = await runCli(['store', 'verify', ...store]);
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /bye .*holds other bytes.*\[store-damaged\]/);

  assert.equal((await runCli(['store', 'remove', 'bye', ...store])).code, 64);
  await succeed('store', 'remove', 'bye', '--yes', ...store);
  assert.deepEqual(
    (await kept(...store)).map(({ name }) => name),
    ['hello'],
  );
  const gone = await runCli(['store', 'remove', 'bye', '--yes', '--json', ...store]);
  assert.equal(gone.code, 1);
  assert.equal((documentOf(gone)['error'] as { code: string }).code, 'store-no-such-payload');
});

test('store says what it takes', async (t) => {
  const store = ['--store', join(temporaryFolder(t), 'kept')];
  for (const words of [['store'], ['store', 'ad'], ['store', 'add'], ['store', 'list', 'x']]) {
    assert.equal((await runCli([...words, ...store])).code, 64, words.join(' '));
  }
});

test('without a host, the payloads of this user are meant', async (t) => {
  if (process.geteuid?.() === 0) return t.skip('of root it is /var/lib/xsplice-ts');
  const env = { XDG_STATE_HOME: temporaryFolder(t) };
  assert.equal((await runCli(['store', 'add', demo('hello')], { env })).code, 0);
  assert.deepEqual(readdirSync(env.XDG_STATE_HOME), ['xsplice-ts']);
});

test('what is applied, loaded, uploaded or replaced is kept by the host before it is touched', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('hello'), '--dry-run', ...host);
  assert.deepEqual(await kept(...host), []);
  await succeed('upload', demo('metadata'), '--yes', ...host);
  await succeed('apply', demo('hello'), '--yes', ...host);
  await succeed('load', demo('bye'), '--yes', ...host);
  await succeed('replace', demo('replace'), '--yes', ...host);
  const names = ['bye', 'hello', 'metadata', 'replace'];
  assert.deepEqual(
    (await kept(...host)).map(({ name }) => name),
    names,
  );

  const other = await embeddedHost(t);
  await succeed('apply', demo('hello'), '--yes', '--no-store', ...other);
  assert.deepEqual(await kept(...other), []);
  const elsewhere = join(temporaryFolder(t), 'kept');
  await succeed('apply', demo('bye'), '--yes', ...other, '--store', elsewhere);
  assert.deepEqual(await kept(...other), []);
  assert.deepEqual(
    (await kept('--store', elsewhere)).map(({ name }) => name),
    ['bye'],
  );
});

test('where nothing can be kept, nothing is changed', async (t) => {
  const host = await embeddedHost(t);
  const store = join(temporaryFolder(t), 'a file');
  writeFileSync(store, '');
  const refused = await runCli([
    'apply',
    demo('hello'),
    '--yes',
    '--json',
    ...host,
    '--store',
    store,
  ]);
  assert.equal(refused.code, 1);
  assert.deepEqual(await stack(host), []);
  const anyway = ['--no-store', '--accept', 'journal-not-writable'];
  await succeed('apply', demo('hello'), '--yes', ...anyway, ...host, '--store', store);
});

test('verbs take what is kept by its name or build-id; what is loaded comes first, and a path before both', async (t) => {
  const host = await embeddedHost(t);
  await succeed(
    'store',
    'add',
    demo('hello'),
    demo('bye'),
    demo('replace'),
    demo('independent-a'),
    ...host,
  );
  const { buildId = '' } = (await kept(...host)).find(({ name }) => name === 'bye') ?? {};
  assert.match((await succeed('plan', 'hello', ...host)).stdout, /upload, apply +hello/);
  await succeed('apply', 'hello', buildId.slice(0, 10), '--yes', ...host);
  assert.deepEqual(await stack(host), ['hello', 'bye']);
  await succeed('revert', '--yes', ...host);
  // It is loaded: applied as it is, without an upload.
  const again = documentOf(await succeed('apply', 'bye', '--yes', '--json', ...host));
  const { steps } = again['plan'] as { steps: readonly { action: string }[] };
  assert.deepEqual(
    steps.map(({ action }) => action),
    ['apply'],
  );
  await succeed('replace', 'replace', '--yes', ...host);
  assert.deepEqual(await stack(host), ['replace']);
  const missing = await runCli(['upload', 'nowhere', '--yes', ...host]);
  assert.match(missing.stderr, /nowhere does not exist/);
  // What a payload was made against is told by its file: the store has it.
  await succeed('revert', '--yes', ...host);
  await succeed('apply', 'independent-a', '--check', 'old-code', '--yes', ...host);
  assert.deepEqual(await stack(host), ['independent-a']);
});

test("of XenServer's tree the payload for the running hypervisor is taken, under the name that xapi knows", async (t) => {
  const host = await embeddedHost(t);
  const tree = join(temporaryFolder(t), 'xen-livepatch');
  const id = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE).buildIds[0]?.id ?? '';
  const other = 'ab'.repeat(20);
  for (const folder of [id, other]) {
    mkdirSync(join(tree, folder), { recursive: true });
    const file = 'lp_4_17_4__1_xs8__4_17_4__6_xs8.livepatch';
    copyFileSync(demo(folder === id ? 'replace' : 'hello'), join(tree, folder, file));
    symlinkSync(file, join(tree, folder, 'livepatch.livepatch'));
  }
  await succeed('apply', demo('hello'), '--yes', ...host);
  await succeed('replace', tree, '--yes', ...host);
  assert.deepEqual(await stack(host), ['lp_4.17.4-1.xs8-4.17.4-6.xs8']);
  assert.deepEqual(readdirSync(tree).sort(), [id, other].sort(), 'a source is read only');
  const none = join(temporaryFolder(t), 'none');
  mkdirSync(join(none, other), { recursive: true });
  const refused = await runCli(['replace', none, '--yes', '--json', ...host]);
  assert.equal((documentOf(refused)['error'] as { code: string }).code, 'source-no-payloads');
  assert.match(
    (documentOf(refused)['error'] as { message: string }).message,
    new RegExp(`${other}.*${id}`),
  );
});
