import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { isLock, withLock } from '../../core/files/index.js';
import { temporaryFolder } from '../support/cli.js';
import { inOwnNamespace, smallDisk } from '../support/machine.js';
import { createPrng } from '../support/prng.js';
import { repositoryRoot } from '../support/repository.js';

const HOLDER = join(repositoryRoot(), 'dist', 'test', 'support', 'lock-holder.js');
const AT_ONCE = { what: 'the test', patienceMs: 0 };
const PATIENT = { what: 'the test', patienceMs: 20_000 };

const locksIn = (folder: string) => readdirSync(folder).filter(isLock);

/** A process that has said its first word. */
async function started(
  t: TestContext,
  folder: string,
  what: string,
  before: readonly string[] = [],
): Promise<ChildProcess> {
  const [program = '', ...words] = [...before, process.execPath, HOLDER, folder, what];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'close');
}

describe('the lock', () => {
  it('is waited for while its holder lives, by the others in turn', async (t) => {
    const folder = temporaryFolder(t);
    const order: string[] = [];
    let others: Promise<unknown> = Promise.resolve();
    await withLock(folder, PATIENT, async () => {
      others = Promise.all(
        ['second', 'third'].map(async (name, index) => {
          await setTimeout(40 * index);
          await withLock(folder, PATIENT, async () => order.push(name));
        }),
      );
      await setTimeout(150);
      order.push('first');
    });
    await others;
    assert.deepEqual(order, ['first', 'second', 'third']);
    assert.deepEqual(locksIn(folder), []);
  });

  it('is given back when what ran under it fails', async (t) => {
    const folder = temporaryFolder(t);
    await assert.rejects(withLock(folder, AT_ONCE, () => Promise.reject(new Error('no'))));
    assert.equal(await withLock(folder, AT_ONCE, async () => 'again'), 'again');
  });

  it('is held by one at a time, of many in one process', async (t) => {
    const folder = temporaryFolder(t);
    let inside = 0;
    const most = await Promise.all(
      Array.from({ length: 30 }, () =>
        withLock(folder, PATIENT, async () => {
          const count = ++inside;
          await setTimeout(1);
          inside--;
          return count;
        }),
      ),
    );
    assert.equal(Math.max(...most), 1);
  });

  it('is held by one at a time, of 20 processes', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'count'), '0');
    const ends = Array.from({ length: 20 }, async () => {
      const child = spawn(process.execPath, [HOLDER, folder, '2'], { stdio: 'inherit' });
      return (await once(child, 'close'))[0];
    });
    assert.deepEqual(new Set(await Promise.all(ends)), new Set([0]));
    assert.equal(readFileSync(join(folder, 'count'), 'utf8'), '40');
    assert.deepEqual(locksIn(folder), []);
  });

  it('names its holder, and since when it has it', async (t) => {
    const folder = temporaryFolder(t);
    const child = await started(t, folder, 'hold');
    const message = new RegExp(
      `^the test is in use by process ${child.pid} since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC$`,
    );
    await assert.rejects(
      withLock(folder, AT_ONCE, async () => assert.fail()),
      { code: 'state-locked', exitCode: 2, message },
    );
  });

  it('dies with its holder', async (t) => {
    const folder = temporaryFolder(t);
    const child = await started(t, folder, 'hold');
    assert.equal(locksIn(folder).length, 1);
    await killed(child);
    assert.equal(await withLock(folder, AT_ONCE, async () => 'mine'), 'mine');
    assert.deepEqual(locksIn(folder), []);
  });

  it('is free however often a process was killed at any moment of taking it (R3, A3)', async (t) => {
    const folder = temporaryFolder(t);
    const random = createPrng(1);
    for (let round = 0; round < 8; round++) {
      const child = await started(t, folder, 'churn');
      await setTimeout(random.below(12));
      await killed(child);
      await withLock(folder, AT_ONCE, async () => undefined);
    }
    assert.deepEqual(locksIn(folder), []);
  });

  it('is not stolen from a holder that is stopped', async (t) => {
    const folder = temporaryFolder(t);
    const child = await started(t, folder, 'hold');
    child.kill('SIGSTOP');
    await assert.rejects(
      withLock(folder, AT_ONCE, async () => assert.fail()),
      { code: 'state-locked', message: new RegExp(`process ${child.pid}, which does not answer`) },
    );
  });

  it('is not stolen from a holder whose process number is not of this namespace (R3)', async (t) => {
    const folder = temporaryFolder(t);
    const words = inOwnNamespace();
    if (words === null) return t.skip('no namespace may be made here');
    const child = await started(t, folder, 'hold', words);
    await assert.rejects(
      withLock(folder, AT_ONCE, async () => assert.fail()),
      { code: 'state-locked', message: /process \d+ of another process namespace since / },
    );
    await killed(child);
    assert.equal(await withLock(folder, PATIENT, async () => 'mine'), 'mine');
  });

  it('is not held by a number that belongs to another process by now (R3)', async (t) => {
    const folder = temporaryFolder(t);
    // As a boot leaves it: nobody listens, and process 1 lives.
    const left = `lock.1700000000000.1.${'0'.repeat(16)}`;
    writeFileSync(join(folder, left), '');
    assert.equal(await withLock(folder, AT_ONCE, async () => 'mine'), 'mine');
    assert.deepEqual(locksIn(folder), []);
  });

  it('is not taken on a full disk, and is there when there is room again (R3)', async (t) => {
    const folder = smallDisk(t, 16);
    if (folder === null) return;
    const full = join(folder, 'full');
    try {
      for (let size = 0; ; size += 512) writeFileSync(full, 'x'.repeat(size));
    } catch (error) {
      assert.match(String(error), /ENOSPC/);
    }
    const taken = withLock(folder, AT_ONCE, async () => 'mine');
    await taken.catch((error) => assert.equal(error.code, 'state-not-writable'));
    rmSync(full);
    assert.equal(await withLock(folder, AT_ONCE, async () => 'mine'), 'mine');
    assert.deepEqual(locksIn(folder), []);
  });

  it('has room in a folder whose path is longer than the address of a socket', async (t) => {
    const folder = join(temporaryFolder(t), ...Array.from({ length: 20 }, () => 'a long name'));
    mkdirSync(folder, { recursive: true });
    await withLock(folder, AT_ONCE, async () => {
      assert.equal(locksIn(folder).length, 1);
      await assert.rejects(
        withLock(folder, AT_ONCE, async () => assert.fail()),
        { code: 'state-locked' },
      );
    });
  });

  it('says what is wrong with a folder in which it cannot be', async (t) => {
    const folder = join(temporaryFolder(t), 'none');
    await assert.rejects(
      withLock(folder, AT_ONCE, async () => assert.fail()),
      { code: 'state-not-writable', message: `${folder} cannot be locked: ENOENT` },
    );
  });
});
