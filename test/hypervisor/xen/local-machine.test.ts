import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { XenHandle } from '../../../core/hypervisor/xen/handle/handle.js';
import { localHypercalls } from '../../../core/hypervisor/xen/handle/local.js';
import { localMachine } from '../../../core/hypervisor/xen/local-machine.js';
import { negotiate } from '../../../core/hypervisor/xen/negotiate.js';
import { OrderedPort } from '../../../core/hypervisor/xen/ordered-port.js';
import { XenPort } from '../../../core/hypervisor/xen/port.js';
import { temporaryFolder } from '../../support/cli.js';
import { IS_ROOT } from '../../support/machine.js';
import { FakeXen } from './fake-xen.js';

const textOf = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString();

describe('a note below /run', () => {
  it('is kept for the next run', async (t) => {
    const path = join(temporaryFolder(t), 'run', 'note.json');
    assert.equal(await localMachine.noted(path), null);
    await localMachine.note(path, 'text');
    assert.equal(textOf(await localMachine.noted(path)), 'text');
  });

  it('is not believed where somebody else could have written it', async (t) => {
    const folder = join(temporaryFolder(t), 'run');
    const path = join(folder, 'note.json');
    await localMachine.note(path, 'text');
    chmodSync(folder, 0o777);
    assert.equal(await localMachine.noted(path), null);
    await localMachine.note(path, 'more');
    assert.equal(readFileSync(path, 'utf8'), 'text', 'nothing is written there either');
    chmodSync(folder, 0o700);
    assert.equal(textOf(await localMachine.noted(path)), 'text');
    if (!IS_ROOT) return;
    chownSync(path, 65534, 65534);
    assert.equal(await localMachine.noted(path), null);
    chownSync(folder, 65534, 65534);
    await localMachine.note(path, 'more');
    assert.equal(readFileSync(path, 'utf8'), 'text');
  });

  it('is no way to another file, and does not hang', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'victim'), 'precious');
    symlinkSync('victim', join(folder, 'note'));
    assert.equal(await localMachine.noted(join(folder, 'note')), null);
    await localMachine.note(join(folder, 'note'), 'text');
    assert.equal(readFileSync(join(folder, 'victim'), 'utf8'), 'precious');
    assert.equal(spawnSync('mkfifo', [join(folder, 'fifo')]).status, 0);
    assert.equal(await localMachine.noted(join(folder, 'fifo')), null);
    assert.equal(await localMachine.read(join(folder, 'fifo')), null);
    assert.equal(textOf(await localMachine.read(join(folder, 'victim'), 7)), null);
    assert.equal(textOf(await localMachine.read(join(folder, 'victim'), 8)), 'precious');
  });
});

describe('the lock of a real Xen', () => {
  it('lets one run at a time change it, through all ports to it', async (t) => {
    const folder = join(temporaryFolder(t), 'run');
    const xen = new FakeXen();
    const portOf = async () => {
      const port = new XenPort(
        await negotiate(await XenHandle.open(localHypercalls(xen))),
        null,
        (run) => localMachine.exclusive(folder, 'The Xen of this dom0', run),
      );
      return new OrderedPort(port, localMachine, join(folder, 'order.json'));
    };
    const [one, other] = await Promise.all([portOf(), portOf()]);
    const order: string[] = [];
    let later: Promise<unknown> = Promise.resolve();
    await one.exclusive(async () => {
      later = other.exclusive(async () => order.push('other'));
      await one.observe();
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push('one');
    });
    await later;
    assert.deepEqual(order, ['one', 'other']);
  });

  it('is in no folder of somebody else', async (t) => {
    const folder = join(temporaryFolder(t), 'run');
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    await assert.rejects(
      localMachine.exclusive(folder, 'Xen', async () => assert.fail()),
      { code: 'folder-not-trusted' },
    );
  });
});
