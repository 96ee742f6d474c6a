import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { change } from '../../../../core/change/index.js';
import { folderBelow } from '../../../../core/files/index.js';
import { remoteHost } from '../../../../core/host/running-xen.js';
import { connect } from '../../../../core/hypervisor/xen/index.js';
import { inputFile, readPayloadInputs } from '../../../../core/payload/index.js';
import { Journal, readUnconfirmed } from '../../../../core/store/index.js';
import { temporaryFolder } from '../../../support/cli.js';
import { fakeDom0 } from '../../../support/fake-dom0.js';
import { longChain } from '../../../support/hostile-payloads.js';

const TEN = readPayloadInputs(
  longChain(10, 1).map((bytes, index) => inputFile(`p${index}.livepatch`, bytes)),
);

/** Over an imitation of a hypervisor: which requests are made does not depend on it. */
describe('ways there and back', () => {
  it('list: three at the first, two once it is noted what is loaded', async (t) => {
    const dom0 = fakeDom0(temporaryFolder(t));
    const counts: number[] = [];
    for (const round of ['empty', 'ten', 'noted']) {
      const connection = await connect(dom0.transport);
      const host = await remoteHost(connection, {});
      const { payloads } = await host.port.observe();
      counts.push(connection.traffic.roundTrips);
      assert.equal(payloads.length, round === 'empty' ? 0 : 10);
      assert.ok(payloads.every(({ buildId }) => buildId !== null));
      // Another program's: this one notes what it loads itself.
      if (round === 'empty') {
        for (const { input, planned } of TEN) await host.port.upload(planned.name, input.bytes);
      }
      await host.port.close();
    }
    assert.deepEqual(counts, [2, 3, 2]);
  });

  it('list with all that it says of changes: three', async (t) => {
    const dom0 = fakeDom0(temporaryFolder(t));
    const connection = await connect(dom0.transport);
    const host = await remoteHost(connection, {});
    const folder = folderBelow(host.memory, 'host');
    await Promise.all([
      ...[host.port.observe(), host.bootId(), host.tookBack()],
      ...[new Journal(folder).unended(), readUnconfirmed(folder)],
    ]);
    assert.equal(connection.traffic.roundTrips, 3);
    await host.port.close();
  });

  it('apply of ten: fewer than 35', async (t) => {
    const dom0 = fakeDom0(temporaryFolder(t));
    const connection = await connect(dom0.transport);
    const host = await remoteHost(connection, {});
    const report = await change(
      host,
      { verb: 'apply', payloads: TEN },
      { confirm: async () => true },
    );
    await host.port.close();
    assert.equal(report.execution?.outcome, 'done', report.failure?.message);
    assert.equal(report.execution.after?.payloads.length, 10);
    const { roundTrips } = connection.traffic;
    assert.ok(roundTrips < 35, `${roundTrips} ways there and back`);
    t.diagnostic(JSON.stringify(connection.traffic));
  });
});
