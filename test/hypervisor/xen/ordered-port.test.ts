import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { MemoryStore, ModelPort } from '../../../core/hypervisor/embedded/model-port.js';
import type { HypervisorPort } from '../../../core/hypervisor/port.js';
import { stackOf } from '../../../core/hypervisor/snapshot.js';
import { localMachine } from '../../../core/hypervisor/xen/local-machine.js';
import { OrderedPort } from '../../../core/hypervisor/xen/ordered-port.js';
import { demoPayload, demoSetting } from '../../support/demo-code.js';

const NODEPS = { timeoutNs: 0, nodeps: true };

/** A hypervisor that tells no positions, as Xen does not once NODEPS was used. */
async function forgetful(): Promise<HypervisorPort> {
  const port = new ModelPort(
    { spec: 'embedded:test', tellsReverted: true, tellsPlaces: true },
    new MemoryStore((await demoSetting()).model, '4.17.7-demo'),
  );
  return {
    host: port.host,
    upload: (name, bytes) => port.upload(name, bytes),
    act: (name, action, options) => port.act(name, action, options),
    exclusive: (run) => port.exclusive(run),
    close: () => port.close(),
    observe: async () => {
      const snapshot = await port.observe();
      const payloads = snapshot.payloads.map((payload) => ({ ...payload, position: null }));
      return { ...snapshot, payloads };
    },
  };
}

function path(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-order-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'run', 'order.json');
}

async function stack(port: HypervisorPort): Promise<readonly (readonly [string, number | null])[]> {
  return stackOf(await port.observe()).map(({ name, position }) => [name, position]);
}

async function applyTwo(port: HypervisorPort): Promise<void> {
  await port.observe();
  for (const name of ['independent-a', 'independent-b']) {
    await port.upload(name, demoPayload(name).elf.bytes);
  }
  for (const name of ['independent-b', 'independent-a']) await port.act(name, 'APPLY', NODEPS);
}

test('the order of what was applied with NODEPS is known to the next run', async (t) => {
  const xen = await forgetful();
  const file = path(t);
  await applyTwo(new OrderedPort(xen, localMachine, file));
  const next = new OrderedPort(xen, localMachine, file);
  assert.deepEqual(await stack(next), [
    ['independent-b', 1],
    ['independent-a', 2],
  ]);
  await next.act('independent-a', 'REVERT', NODEPS);
  assert.deepEqual(await stack(new OrderedPort(xen, localMachine, file)), [['independent-b', 1]]);
});

test('an action that is refused does not change the order', async (t) => {
  const xen = await forgetful();
  const file = path(t);
  await applyTwo(new OrderedPort(xen, localMachine, file));
  const next = new OrderedPort(xen, localMachine, file);
  await next.observe();
  const refused = await next.act('independent-b', 'REVERT', NODEPS);
  assert.equal(refused.hypercallRc, -16);
  assert.equal((await stack(next)).length, 2);
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')).order, [
    'independent-b',
    'independent-a',
  ]);
});

for (const [what, text] of [
  ['is missing', null],
  ['is damaged', '{'],
  ['is of another hypervisor', '{"hypervisor":"00","order":["independent-b","independent-a"]}'],
  ['names others', null],
] as const) {
  test(`no order is known where the file ${what}`, async (t) => {
    const xen = await forgetful();
    const file = path(t);
    await applyTwo(new OrderedPort(xen, localMachine, file));
    if (what === 'names others') {
      const kept = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify({ ...kept, order: ['independent-b', 'hello'] }));
    } else if (text === null) rmSync(file);
    else writeFileSync(file, text);
    const positions = (await stack(new OrderedPort(xen, localMachine, file))).map(
      ([, position]) => position,
    );
    assert.deepEqual(positions, [null, null]);
  });
}
