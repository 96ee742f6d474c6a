import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import {
  demo,
  documentOf,
  embeddedHost,
  refused,
  runCli,
  temporaryFolder,
} from '../support/cli.js';

const isRoot = process.geteuid?.() === 0;

/** A host that keeps what it remembers in this folder, with hello applied. */
async function hostIn(t: TestContext, store: string): Promise<readonly string[]> {
  const host = [...(await embeddedHost(t)), '--store', store];
  assert.equal((await runCli(['apply', demo('hello'), '--yes', ...host])).code, 0);
  return host;
}

/** A folder that is a file system of its own; null where none can be mounted here. */
function mounted(t: TestContext, options: string): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-disk-'));
  t.after(() => {
    spawnSync('umount', ['-l', folder]);
    rmdirSync(folder);
  });
  const mount = ['-t', 'tmpfs', '-o', `mode=700,${options}`, 'tmpfs', folder];
  const { status } = isRoot ? spawnSync('mount', mount) : { status: 1 };
  if (status !== 0) {
    t.skip('nothing can be mounted here');
    return null;
  }
  return folder;
}

async function applied(host: readonly string[]): Promise<string> {
  const { payloads } = documentOf(await runCli(['list', '--json', ...host])) as unknown as {
    readonly payloads: readonly { readonly name: string; readonly position: number | null }[];
  };
  return payloads
    .filter(({ position }) => position !== null)
    .map(({ name }) => name)
    .join(' ');
}

async function entries(host: readonly string[]) {
  const { entries: all } = documentOf(await runCli(['history', '--json', ...host]));
  return (all as { number: number; verb: string; state: string }[]).map(
    ({ number, verb, state }) => `${number} ${verb} ${state}`,
  );
}

/**
 * What brings something in is refused, for this reason; what takes something out goes on, and says what is not
 * remembered. Gives whether that was said.
 */
async function onlyOut(host: readonly string[], reason: RegExp): Promise<boolean> {
  const error = await refused('apply', demo('bye'), '--yes', ...host);
  const { code, stdout } = await runCli(['apply', demo('bye'), '--yes', '--json', ...host]);
  assert.equal(code, 1);
  assert.match(stdout, reason);
  assert.ok(['not-accepted', 'store-not-writable'].includes(error.code), error.code);
  assert.equal(await applied(host), 'hello');
  const reverted = await runCli(['revert', '--yes', '--json', ...host]);
  assert.equal(reverted.code, 0, reverted.stdout);
  assert.equal(await applied(host), '');
  const said = (documentOf(reverted)['findings'] as { code: string; severity: string }[]).filter(
    (one) => one.code === 'journal-not-writable',
  );
  assert.ok(said.every(({ severity }) => severity === 'warning'));
  return said.length > 0;
}

test('a full disk: nothing is brought in, what is there can be taken out, and nothing is lost', async (t) => {
  const disk = mounted(t, 'size=512k');
  if (disk === null) return;
  const host = await hostIn(t, join(disk, 'store'));
  const filler = join(disk, 'filler');
  assert.throws(() => writeFileSync(filler, Buffer.alloc(1 << 20)), /ENOSPC/);
  // Pages that files have begun may have room left: those go too.
  for (let size = 4096; size > 0; size = Math.floor(size / 2)) {
    try {
      writeFileSync(`${filler}-${size}`, Buffer.alloc(size));
    } catch {
      // That is how full it is.
    }
  }
  const isSaid = await onlyOut(host, /ENOSPC/);
  spawnSync('sh', ['-c', `rm -f ${filler}*`]);
  // Either it is remembered, or it was said that it is not.
  const all = await entries(host);
  assert.equal(all[0], '1 apply done');
  assert.ok(isSaid || all.includes('2 revert done'), all.join());
  assert.equal((await runCli(['apply', 'hello', '--yes', ...host])).code, 0);
  assert.match((await entries(host)).at(-1) ?? '', / apply done$/);
});

test('a read-only place: it is said before anything is done, and history is still there', async (t) => {
  const disk = mounted(t, 'size=4m');
  if (disk === null) return;
  const host = await hostIn(t, join(disk, 'store'));
  spawnSync('mount', ['-o', 'remount,ro', disk]);
  assert.ok(await onlyOut(host, /EROFS|EACCES/));
  assert.deepEqual(await entries(host), ['1 apply done']);
  assert.equal((await refused('save', ...host)).code, 'store-not-writable');
  const status = await runCli(['status', ...host]);
  assert.equal(status.code, 0, status.stderr);
});

test('a place of another owner is neither believed nor written to', {
  skip: !isRoot,
}, async (t) => {
  const store = join(temporaryFolder(t), 'store');
  const host = await hostIn(t, store);
  chownSync(store, 12_345, 12_345);
  assert.ok(await onlyOut(host, /belongs to user 12345/));
  assert.equal((await refused('history', ...host)).code, 'folder-not-trusted');
  const list = await runCli(['list', ...host]);
  assert.equal(list.code, 0);
  assert.match(list.stdout + list.stderr, /belongs to user 12345/);
  chownSync(store, 0, 0);
  assert.deepEqual(await entries(host), ['1 apply done']);
});

test('a store and a journal of a newer version are named, and stay as they are', async (t) => {
  const store = join(temporaryFolder(t), 'store');
  const host = await hostIn(t, store);
  writeFileSync(join(store, 'store.json'), '{"formatVersion":99}\n');
  for (const folder of spawnSync('find', [store, '-maxdepth', '1', '-name', 'host-*'])
    .stdout.toString()
    .trim()
    .split('\n')) {
    writeFileSync(join(folder, 'store.json'), '{"formatVersion":99}\n');
  }
  assert.ok(await onlyOut(host, /knows format 1/));
  for (const verb of ['history', 'status', 'undo', 'recover', 'save', 'confirm']) {
    const error = await refused(verb, ...(verb === 'undo' ? ['--yes'] : []), ...host);
    assert.equal(error.code, 'store-too-new', verb);
    assert.match(error.message, /format 99; this version of xsplice-ts knows format 1/);
  }
});

test('a clock that is set back changes no order, and gives no more time to confirm', async (t) => {
  const host = await hostIn(t, join(temporaryFolder(t), 'store'));
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2001-02-03T04:05:06Z') });
  assert.equal((await runCli(['apply', demo('bye'), '--yes', ...host])).code, 0);
  assert.deepEqual(await entries(host), ['1 apply done', '2 apply done']);
  assert.equal((await runCli(['undo', '--yes', ...host])).code, 0);
  assert.equal(await applied(host), 'hello');
  assert.equal((await runCli(['save', ...host])).code, 0);
  const confirm = ['apply', demo('bye'), '--confirm', '3600', '--yes', ...host];
  assert.equal((await runCli(confirm)).code, 0);
  for (const now of ['1999-01-01T00:00:00Z', '2040-01-01T00:00:00Z']) {
    t.mock.timers.setTime(Date.parse(now));
    const { unconfirmed } = documentOf(await runCli(['status', '--json', ...host])) as unknown as {
      readonly unconfirmed: { readonly state: string; readonly secondsLeft: number };
    };
    assert.equal(unconfirmed.state, 'waiting');
    assert.ok(unconfirmed.secondsLeft > 3000 && unconfirmed.secondsLeft <= 3600);
  }
  assert.equal((await runCli(['confirm', ...host])).code, 0);
});

test('two managers at once: one after the other, and each change is in the journal once', async (t) => {
  const host = await hostIn(t, join(temporaryFolder(t), 'store'));
  const both = await Promise.all(
    ['independent-a', 'independent-b'].map((name) =>
      runCli(['upload', demo(name), '--yes', '--json', ...host]),
    ),
  );
  const done = both.filter(({ code }) => code === 0).length;
  for (const { code, stdout } of both.filter((one) => one.code !== 0)) {
    assert.equal(code, 1);
    assert.equal(JSON.parse(stdout).error.code, 'stale-plan');
  }
  assert.ok(done >= 1);
  assert.equal((await entries(host)).length, 1 + done);
});
