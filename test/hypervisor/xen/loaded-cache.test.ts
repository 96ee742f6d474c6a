import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { XenHandle } from '../../../core/hypervisor/xen/handle/handle.js';
import { localHypercalls } from '../../../core/hypervisor/xen/handle/local.js';
import { afterUnload, afterUpload, isCurrent } from '../../../core/hypervisor/xen/known.js';
import { LoadedRecord } from '../../../core/hypervisor/xen/loaded-cache.js';
import { localMachine } from '../../../core/hypervisor/xen/local-machine.js';
import { negotiate } from '../../../core/hypervisor/xen/negotiate.js';
import { XenPort } from '../../../core/hypervisor/xen/port.js';
import { repositoryRoot } from '../../support/repository.js';
import { FakeXen } from './fake-xen.js';

const ID = { a: '0a'.repeat(20), b: '0b'.repeat(20) };
const folder = mkdtempSync(join(tmpdir(), 'xsplice-record-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function portTo(xen: FakeXen, path: string): Promise<XenPort> {
  const handle = await XenHandle.open(localHypercalls(xen));
  return new XenPort(await negotiate(handle), new LoadedRecord(localMachine, path));
}

/** Two payloads that some tool has loaded. */
async function loadedXen(): Promise<FakeXen> {
  const xen = new FakeXen();
  const handle = await XenHandle.open(localHypercalls(xen));
  const port = new XenPort(await negotiate(handle));
  await port.upload('one', Buffer.from(`${ID.a}<${xen.buildId}`));
  await port.upload('two', Buffer.from(`${ID.b}<${ID.a}`));
  return xen;
}

function keysOf(xen: FakeXen): number {
  return xen.console.split("'x' pressed").length - 1;
}

async function idsOf(port: XenPort): Promise<readonly (string | null)[]> {
  return (await port.observe()).payloads.map(({ buildId }) => buildId);
}

describe('the record of what is loaded', () => {
  it('spares the debug key in the next run while the list is the same', async () => {
    const xen = await loadedXen();
    const path = join(folder, 'same', 'loaded.json');
    assert.deepEqual(await idsOf(await portTo(xen, path)), [ID.a, ID.b]);
    assert.equal(keysOf(xen), 1);
    assert.deepEqual(await idsOf(await portTo(xen, path)), [ID.a, ID.b]);
    assert.equal(keysOf(xen), 1);
  });

  it('is not used once another tool has changed the list', async () => {
    const xen = await loadedXen();
    const path = join(folder, 'changed', 'loaded.json');
    await idsOf(await portTo(xen, path));
    const other = new XenPort({
      handle: await XenHandle.open(localHypercalls(xen)),
      version: 0x15,
    });
    await other.act('two', 'UNLOAD', { timeoutNs: 0, nodeps: false });
    await other.upload('two', Buffer.from(`${'0c'.repeat(20)}<${ID.a}`));
    assert.deepEqual(await idsOf(await portTo(xen, path)), [ID.a, '0c'.repeat(20)]);
    assert.equal(keysOf(xen), 2);
  });

  it('is passed over when it is damaged, of another hypervisor, or cannot be written', async () => {
    const xen = await loadedXen();
    const path = join(folder, 'damaged.json');
    await idsOf(await portTo(xen, path));
    const good = readFileSync(path, 'utf8');
    const spoiled = [
      '',
      '{}',
      good.slice(0, -2),
      good.replace(xen.buildId, 'bb'.repeat(20)),
      good.replace('"formatVersion":1', '"formatVersion":2'),
      good.replace(ID.b, 'no id'),
    ];
    for (const [index, text] of spoiled.entries()) {
      writeFileSync(path, text);
      assert.deepEqual(await idsOf(await portTo(xen, path)), [ID.a, ID.b], text);
      assert.equal(keysOf(xen), 2 + index, text);
    }
    const unwritable = join(path, 'below', 'a-file.json');
    assert.deepEqual(await idsOf(await portTo(xen, unwritable)), [ID.a, ID.b]);
  });
});

describe('what is known of the loaded payloads', () => {
  const file = join(repositoryRoot(), 'payloads', 'demo', 'hello.livepatch');
  const empty = { stamp: 0xffffffff, payloads: [] };

  it('grows by what this program uploads, and its stamp is the list’s next one', () => {
    const known = afterUpload(empty, 'hello', readFileSync(file));
    assert.equal(known?.stamp, 0);
    assert.deepEqual(known?.payloads[0]?.functions, ['xen_extra_version']);
    const entries = [{ name: 'hello', state: 'CHECKED', rc: 0, metadata: [] }] as const;
    assert.ok(known && isCurrent(known, { stamp: 0, entries }));
    assert.ok(!isCurrent(known, { stamp: 1, entries }));
    assert.ok(!isCurrent(known, { stamp: 0, entries: [] }));
    assert.deepEqual(afterUnload(known, 'hello'), { stamp: 1, payloads: [] });
  });

  it('is nothing after an upload whose ids cannot be read', () => {
    assert.equal(afterUpload(empty, 'odd', Buffer.from('not a payload')), null);
  });
});
