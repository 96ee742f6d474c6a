import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openProcess, processesCalled, whileItRuns } from '../../cli/processes.js';
import { documentOf, runCli, temporaryFolder } from '../support/cli.js';

const NOBODY = 65534;

/** A process of this user that waits to be ended, whose program has that name. */
async function waiting(t: TestContext, name = 'sleep'): Promise<ChildProcess & { pid: number }> {
  const program = join(temporaryFolder(t), name);
  copyFileSync('/bin/sleep', program);
  const child = spawn(program, ['600']);
  t.after(() => child.kill('SIGKILL'));
  await new Promise((resolve, reject) => child.on('spawn', resolve).on('error', reject));
  const { pid } = child;
  assert.ok(pid !== undefined);
  return Object.assign(child, { pid });
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** Does something as a user who may read no process of ours. Only root can become one. */
async function asNobody<T>(act: () => Promise<T>): Promise<T> {
  process.seteuid?.(NOBODY);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
  }
}

describe('a process', () => {
  it('is read while it runs', async (t) => {
    const { pid } = await waiting(t);
    const { path, isReplaced, tree } = openProcess(pid);
    assert.equal(isReplaced, false);
    assert.ok(tree.read(path).length > 64);
  });

  it('that ends while it is read is gone', async (t) => {
    const child = await waiting(t);
    const { path, tree } = openProcess(child.pid);
    await end(child);
    assert.throws(() => whileItRuns(child.pid, () => tree.read(path)), {
      code: 'lockstep-process-gone',
    });
  });

  it('that ends before it is opened is none', async (t) => {
    const child = await waiting(t);
    await end(child);
    assert.throws(() => openProcess(child.pid), { code: 'lockstep-no-process' });
  });

  it('that ends between two questions is none', (t) => {
    const proc = temporaryFolder(t);
    mkdirSync(join(proc, '7'));
    symlinkSync('/bin/sleep', join(proc, '7', 'exe'));
    symlinkSync('/', join(proc, '7', 'root'));
    assert.throws(() => openProcess(7, proc), { code: 'lockstep-no-process' });
  });

  it('of a folder without processes is none', (t) => {
    assert.deepEqual(processesCalled(/./, temporaryFolder(t)), []);
  });

  const skip = process.getuid?.() === 0 ? false : 'only root can give its rights up';
  it('of another user is said to be unreadable, by name and by number', { skip }, async (t) => {
    const { pid } = await waiting(t, 'qemu-system-x86_64');
    // Loads what the verb needs, while that may be read.
    await runCli(['lockstep', `pid:${pid}`]);
    const one = await asNobody(() => runCli(['lockstep', `pid:${pid}`, '--json']));
    assert.equal(one.code, 1);
    assert.match(one.stdout, /lockstep-process-unreadable/);
    const all = await asNobody(() => runCli(['lockstep', '--running', '--json']));
    const findings = documentOf(all)['findings'] as readonly { code: string; message: string }[];
    const mine = findings.filter(({ message }) => message.includes(String(pid)));
    assert.deepEqual(
      mine.map(({ code }) => code),
      ['lockstep-process-unreadable'],
    );
  });
});
