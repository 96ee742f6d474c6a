import assert from 'node:assert/strict';
import type { Scenario } from './scenario.js';
import { withStockTool } from './stock.js';

/** Who is who: ids read back from the hypervisor. */
export const IDENTITY_SCENARIOS: readonly Scenario[] = [
  {
    name: 'identity: a second manager sees ids and order',
    run: async (dom0) => {
      await dom0.load('hello');
      await dom0.load('bye');
      const other = await dom0.another();
      try {
        assert.deepEqual(await other.observe(), await dom0.port.observe());
        const [hello, bye] = (await other.observe()).payloads;
        assert.equal(hello?.buildId, dom0.family.entry('hello').buildId);
        assert.equal(bye?.depends, hello?.buildId);
      } finally {
        await other.close();
      }
    },
  },
  {
    name: 'identity: payloads that the stock tool loaded are continued',
    notFor: withStockTool,
    run: async (dom0) => {
      const loaded = dom0.stock('load', dom0.family.path('hello'));
      assert.equal(loaded.status, 0, loaded.output);
      const [stock] = (await dom0.port.observe()).payloads;
      assert.equal(stock?.buildId, dom0.family.entry('hello').buildId);
      assert.equal(stock?.position, 1);
      await dom0.load('bye');
      assert.equal(await dom0.extraVersion(), '-bye');
      const listed = dom0.stock('list');
      assert.match(listed.output, /^bye\s+\| APPLIED/m);
    },
  },
  {
    name: 'identity: the list changes under a manager',
    run: async (dom0) => {
      const other = await dom0.another();
      try {
        for (const name of ['chain-01', 'chain-02', 'chain-03']) {
          dom0.expect(await other.upload(name, dom0.family.bytes(name)), [0, 0]);
          const seen = (await dom0.port.observe()).payloads.at(-1);
          assert.deepEqual([seen?.name, seen?.buildId], [name, dom0.family.entry(name).buildId]);
        }
        dom0.expect(await dom0.act('chain-02', 'UNLOAD'), [0, null]);
        const names = (await other.observe()).payloads.map((payload) => payload.name);
        assert.deepEqual(names, ['chain-01', 'chain-03']);
      } finally {
        await other.close();
      }
    },
  },
];
