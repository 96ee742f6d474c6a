import assert from 'node:assert/strict';
import { CHAIN, CHAIN_LENGTH } from '../support/chain-length.js';
import { type Dom0, needs, type Scenario } from './scenario.js';

async function msPerPayload(work: () => Promise<void>): Promise<string> {
  const started = performance.now();
  await work();
  return ((performance.now() - started) / CHAIN.length).toFixed(2);
}

async function stateOf(dom0: Dom0, name: string): Promise<string> {
  return (await dom0.payload(name)).state;
}

/** Several payloads, one upon the other. */
export const STACK_SCENARIOS: readonly Scenario[] = [
  {
    name: 'stack: one upon the other',
    run: async (dom0) => {
      await dom0.load('hello');
      await dom0.load('bye');
      assert.deepEqual(await dom0.stack(), ['hello', 'bye']);
      assert.equal(await dom0.extraVersion(), '-bye');
      dom0.expect(await dom0.act('bye', 'REVERT'), [0, 0]);
      assert.equal(await dom0.extraVersion(), '-hello');
      assert.deepEqual(await dom0.stack(), ['hello']);
    },
  },
  {
    name: 'stack: the wrong order',
    run: async (dom0) => {
      dom0.expect(await dom0.upload('bye'), [0, 0]);
      const refused = await dom0.act('bye', 'APPLY');
      dom0.expect(refused, [-22, 0]);
      dom0.expectLog(refused, /^bye: check against hypervisor build-id failed/);
      await dom0.load('hello');
      dom0.expect(await dom0.act('bye', 'APPLY'), [0, 0]);
      // Uploaded first, applied last: the place follows the ids.
      assert.deepEqual(await dom0.stack(), ['hello', 'bye']);
    },
  },
  {
    name: 'stack: revert under another',
    run: async (dom0) => {
      await dom0.load('hello');
      await dom0.load('bye');
      const refused = await dom0.act('hello', 'REVERT');
      dom0.expect(refused, [-16, 0]);
      dom0.expectLog(refused, /^hello: can't unload\. Top is bye$/);
      assert.equal(await stateOf(dom0, 'hello'), 'APPLIED');
    },
  },
  {
    name: 'stack: replace',
    run: async (dom0) => {
      await dom0.load('hello');
      await dom0.load('bye');
      dom0.expect(await dom0.upload('replace'), [0, 0]);
      dom0.expect(await dom0.act('replace', 'REPLACE'), [0, 0]);
      assert.deepEqual(await dom0.stack(), ['replace']);
      assert.equal(await dom0.extraVersion(), '-replace');
      assert.equal(await stateOf(dom0, 'hello'), 'CHECKED');
      assert.equal(await stateOf(dom0, 'bye'), 'CHECKED');
    },
  },
  {
    name: 'stack: a cumulative payload takes the place of another',
    notFor: needs('cumulative-1', 'cumulative-2'),
    run: async (dom0) => {
      for (const name of ['cumulative-1', 'cumulative-2']) {
        dom0.expect(await dom0.upload(name), [0, 0]);
        dom0.expect(await dom0.act(name, 'REPLACE'), [0, 0]);
        assert.deepEqual(await dom0.stack(), [name]);
      }
    },
  },
  {
    name: 'stack: NODEPS applies what is not built on the top',
    run: async (dom0) => {
      await dom0.load('hello');
      dom0.expect(await dom0.upload('independent-a'), [0, 0]);
      dom0.expect(await dom0.act('independent-a', 'APPLY'), [-22, 0]);
      dom0.expect(await dom0.act('independent-a', 'APPLY', { nodeps: true }), [0, 0]);
      const { payloads } = await dom0.port.observe();
      assert.deepEqual(
        payloads.map(({ state, position }) => [state, position]),
        [
          ['APPLIED', null],
          ['APPLIED', null],
        ],
        'both depend on the hypervisor: which one is below cannot be known',
      );
    },
  },
  {
    name: `stack: a chain of ${CHAIN_LENGTH}`,
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      const load = await msPerPayload(async () => {
        for (const name of CHAIN) await dom0.load(name);
      });
      assert.deepEqual(await dom0.stack(), CHAIN);
      const revert = await msPerPayload(async () => {
        for (const name of CHAIN.toReversed()) {
          dom0.expect(await dom0.act(name, 'REVERT'), [0, 0]);
        }
      });
      assert.equal(await dom0.extraVersion(), original);
      dom0.notes.push(`load ${load} ms, revert ${revert} ms for each of ${CHAIN.length} payloads`);
    },
  },
];
