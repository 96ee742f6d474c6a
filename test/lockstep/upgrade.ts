import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Monitor } from '../../rig/monitor.js';
import { run } from '../../rig/run.js';
import { documentOf, runCli } from '../support/cli.js';
import { inRoot } from './chroot.js';
import { QEMU_MODULES } from './qemu.js';
import type { Suite } from './suites.js';

const PROGRAM = '/usr/bin/qemu-system-x86_64';

interface Foretold {
  readonly host: string;
  readonly modules: readonly { readonly file: string; readonly outcome: string }[];
}

/**
 * A guest's QEMU that outlives the upgrade of its package: it is started from the older build, then program
 * and modules are replaced as dpkg does. `lockstep --running` has to foretell what QMP then shows: the first
 * module is refused, and the next one ends the process.
 */
export async function outlivedUpgrade(suite: Suite, older: Suite): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'xsplice-upgrade-'));
  try {
    // The files of the cached root, each a second name of the same: nothing of it is written to.
    for (const folder of ['bin', 'etc', 'lib', 'lib64', 'usr']) {
      run('cp', ['-al', join(suite.root, folder), root]);
    }
    mkdirSync(join(root, 'tmp'));
    install(older, root);
    const [program = '', ...words] = inRoot(root, [
      ...[PROGRAM, '-M', 'none', '-S', '-nodefaults', '-display', 'none'],
      ...['-qmp', 'unix:/tmp/qmp,server=on,wait=off'],
    ]);
    const qemu = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    let printed = '';
    qemu.stderr.setEncoding('latin1').on('data', (text: string) => {
      printed += text;
    });
    const ended = new Promise<string | null>((resolve) =>
      qemu.on('close', (_, signal) => resolve(signal)),
    );
    try {
      const monitor = await Monitor.connect(join(root, 'tmp', 'qmp'));
      const before = await foretold(qemu.pid);
      assert.deepEqual(before, { ssh: 'accepted', isAnyAccepted: true, exit: 0 }, 'before');
      install(suite, root);
      const after = await foretold(qemu.pid);
      assert.deepEqual(after, { ssh: 'fatal', isAnyAccepted: false, exit: 3 }, 'after');
      const first = await monitor.ask(blockdev('ssh'));
      assert.match(first, /Unknown driver 'ssh'/);
      void monitor.ask(blockdev('http'));
      const signal = await Promise.race([ended, wait(30_000, 'none')]);
      assert.equal(signal, 'SIGABRT');
      // All that it printed is here once it has ended; an answer over QMP may come before.
      assert.match(printed, /Only modules from the same build can be loaded/);
      assert.match(printed, /QTAILQ_EMPTY\(&dso_init_list\)/);
      monitor.close();
    } finally {
      qemu.kill('SIGKILL');
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** What --running says of this process's block drivers, and how it ends where that is all that runs. */
async function foretold(pid: number | undefined) {
  const running = documentOf(await runCli(['lockstep', '--running', '--json']));
  const alone = await runCli(['lockstep', `pid:${pid}`, '--json']);
  const [same] = documentOf(alone)['hosts'] as readonly Foretold[];
  const host = (running['hosts'] as readonly Foretold[]).find((one) => one.host === `pid:${pid}`);
  assert.deepEqual(host, same);
  const blocks = host?.modules.filter(({ file }) => /\/block-/.test(file)) ?? [];
  assert.ok(blocks.length > 3);
  return {
    ssh: blocks.find(({ file }) => file.endsWith('/block-ssh.so'))?.outcome,
    // One without constructors, or that the linker refuses, harms nothing.
    isAnyAccepted: blocks.some(({ outcome }) => outcome === 'accepted'),
    exit: alone.code,
  };
}

/** Program and modules of a build, in place of those that are there: new files under the old names. */
function install(from: Suite, root: string): void {
  for (const path of [PROGRAM, QEMU_MODULES]) {
    rmSync(join(root, path), { recursive: true });
    cpSync(join(from.root, path), join(root, path), { recursive: true });
  }
}

function blockdev(driver: string): object {
  const server = { host: 'localhost', port: '1' };
  const file =
    driver === 'ssh' ? { driver, path: '/x', server } : { driver, url: 'http://localhost:1/x' };
  return { execute: 'blockdev-add', arguments: { 'node-name': driver, ...file } };
}
