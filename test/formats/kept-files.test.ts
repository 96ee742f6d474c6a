import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseBuildId } from '../../core/abi/ids.js';
import type { HostMachine } from '../../core/hypervisor/machine.js';
import type { HypervisorPort } from '../../core/hypervisor/port.js';
import { LoadedRecord } from '../../core/hypervisor/xen/loaded-cache.js';
import { OrderedPort } from '../../core/hypervisor/xen/ordered-port.js';
import { readRecord } from '../../core/oldcode/index.js';
import { readPayload } from '../../core/payload/index.js';
import { keptInMemory } from '../support/kept-in-memory.js';
import { repositoryRoot } from '../support/repository.js';
import { HOST, loaded, payloadFile, snapshotOf } from '../support/stack-builders.js';

const HYPERVISOR = parseBuildId('aa'.repeat(20));

function golden(name: string): Buffer {
  return readFileSync(join(repositoryRoot(), 'test', 'formats', 'golden', name));
}

/** A machine on which every file holds these bytes. */
function machineWith(bytes: Uint8Array): HostMachine {
  return {
    read: async () => bytes,
    noted: async () => bytes,
    list: async () => [],
    note: async () => {},
    exclusive: (_folder, _what, run) => run(),
    kept: keptInMemory,
  };
}

/** The same file of the next format. */
function newer(bytes: Buffer): Buffer {
  const value = JSON.parse(bytes.toString());
  return Buffer.from(JSON.stringify({ ...value, formatVersion: value.formatVersion + 1 }));
}

async function orderIn(bytes: Uint8Array): Promise<readonly (number | null)[]> {
  const applied = ['independent-a', 'independent-b'].map((word) =>
    loaded(payloadFile(word, null), null, { state: 'APPLIED' }),
  );
  const port = new OrderedPort(
    { host: HOST, observe: async () => snapshotOf(applied, HYPERVISOR) } as HypervisorPort,
    machineWith(bytes),
  );
  return (await port.observe()).payloads.map(({ position }) => position);
}

describe('files that are kept, of format 1', () => {
  it('loaded.json', async () => {
    const kept = golden('loaded-1.json');
    assert.deepEqual((await new LoadedRecord(machineWith(kept)).read())(HYPERVISOR), {
      stamp: 3,
      payloads: [
        {
          name: 'one',
          buildId: '0a'.repeat(20),
          depends: HYPERVISOR,
          functions: ['xen_extra_version'],
        },
        { name: 'two', buildId: null, depends: null, functions: [] },
      ],
    });
    assert.equal((await new LoadedRecord(machineWith(newer(kept))).read())(HYPERVISOR), null);
  });

  it('order.json', async () => {
    const kept = golden('order-1.json');
    assert.deepEqual(await orderIn(kept), [2, 1]);
    assert.deepEqual(await orderIn(newer(kept)), [null, null]);
  });

  it('the record in a payload', () => {
    const bytes = golden('record-1.livepatch');
    const status = readRecord(readPayload(bytes, 'record-1.livepatch'));
    assert.equal(status.status, 'present');
    const next = Buffer.from(
      bytes.toString('latin1').replace('xsplice-record 1 ', 'xsplice-record 2 '),
      'latin1',
    );
    const refused = readRecord(readPayload(next, 'record-2.livepatch'));
    assert.ok(refused.status === 'invalid');
    assert.equal(refused.finding.code, 'record-version');
    assert.match(
      refused.finding.message,
      /has format 2; this version of xsplice-ts knows format 1/,
    );
  });
});
