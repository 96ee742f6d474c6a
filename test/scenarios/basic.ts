import assert from 'node:assert/strict';
import { XspliceError } from '../../core/findings/index.js';
import { needs, type Scenario } from './scenario.js';

/** One payload and its life. */
export const BASIC_SCENARIOS: readonly Scenario[] = [
  {
    name: 'basic: an empty list',
    run: async ({ port }) => {
      assert.deepEqual((await port.observe()).payloads, []);
    },
  },
  {
    name: 'basic: unknown names',
    run: async (dom0) => {
      for (const action of ['UNLOAD', 'REVERT', 'APPLY', 'REPLACE'] as const) {
        dom0.expect(await dom0.act('nowhere', action), [-2, null]);
      }
      assert.deepEqual((await dom0.port.observe()).payloads, []);
    },
  },
  {
    name: 'basic: load, list, effect',
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      dom0.expect(await dom0.upload('hello'), [0, 0]);
      const uploaded = await dom0.payload('hello');
      assert.equal(uploaded.state, 'CHECKED');
      assert.equal(uploaded.position, null);
      assert.equal(await dom0.extraVersion(), original);

      const result = await dom0.act('hello', 'APPLY');
      dom0.expect(result, [0, 0]);
      dom0.expectLog(result, /^hello: Applying 1 functions$/);
      dom0.expectLog(result, /^hello finished APPLY with rc=0$/);
      assert.equal(await dom0.extraVersion(), '-hello');
      const { buildId, depends } = dom0.family.entry('hello');
      assert.deepEqual(await dom0.payload('hello'), {
        ...uploaded,
        state: 'APPLIED',
        rc: 0,
        buildId,
        depends,
        position: 1,
        functions: ['xen_extra_version'],
      });
    },
  },
  {
    name: 'basic: load again',
    run: async (dom0) => {
      await dom0.load('hello');
      dom0.expect(await dom0.upload('hello'), [-17, 0]);
      dom0.expect(await dom0.upload('hello', 'other-name'), [-17, null]);
      dom0.expect(await dom0.act('hello', 'APPLY'), [0, 0]);
      dom0.expect(await dom0.act('hello', 'REPLACE'), [0, 0]);
      assert.deepEqual(await dom0.stack(), ['hello']);
    },
  },
  {
    name: 'basic: revert, apply again, unload',
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      await dom0.load('hello');
      dom0.expect(await dom0.act('hello', 'UNLOAD'), [-22, 0]);
      dom0.expect(await dom0.act('hello', 'REVERT'), [0, 0]);
      assert.equal(await dom0.extraVersion(), original);
      dom0.expect(await dom0.act('hello', 'REVERT'), [0, 0]);
      dom0.expect(await dom0.act('hello', 'APPLY'), [0, 0]);
      assert.equal(await dom0.extraVersion(), '-hello');
      dom0.expect(await dom0.act('hello', 'REVERT'), [0, 0]);
      dom0.expect(await dom0.act('hello', 'UNLOAD'), [0, null]);
      dom0.expect(await dom0.act('hello', 'UNLOAD'), [-2, null]);
      assert.deepEqual((await dom0.port.observe()).payloads, []);
    },
  },
  {
    name: 'basic: a reverted payload with data of its own is not applied again',
    notFor: needs('data'),
    run: async (dom0) => {
      await dom0.load('data');
      assert.match(await dom0.extraVersion(), /^-data-\d$/);
      dom0.expect(await dom0.act('data', 'REVERT'), [0, 0]);
      const refused = await dom0.act('data', 'APPLY');
      dom0.expect(refused, [0, -22]);
      dom0.expectLog(refused, /^data: can't revert as payload has \.data/);
      dom0.expect(await dom0.act('data', 'UNLOAD'), [0, null]);
      await dom0.load('data');
    },
  },
  {
    name: 'basic: names of any bytes',
    run: async (dom0) => {
      const names = [
        '',
        'x'.repeat(127),
        '\x1b]0;title\x07\x1b[31mred',
        'line\nbreak name=hello state=APPLIED(2)',
        Buffer.from('\xff\xfe\x80', 'latin1').toString('latin1'),
      ];
      for (const [index, name] of names.entries()) {
        dom0.expect(await dom0.upload(`chain-0${index + 1}`, name), [0, 0]);
        dom0.expect(await dom0.act(name, 'APPLY'), [0, 0]);
      }
      const { payloads } = await dom0.port.observe();
      assert.deepEqual(
        payloads.map((payload) => [payload.name, payload.buildId, payload.position]),
        names.map((name, index) => [
          name,
          dom0.family.entry(`chain-0${index + 1}`).buildId,
          index + 1,
        ]),
      );
      for (const bad of ['x'.repeat(128), 'nul\0inside', 'sn\u{2603}w']) {
        await assert.rejects(
          dom0.port.upload(bad, dom0.family.bytes('hello')),
          (error: unknown) => error instanceof XspliceError && error.code === 'payload-bad-name',
        );
      }
    },
  },
  {
    name: 'basic: files that are no payloads',
    run: async (dom0) => {
      dom0.expect(await dom0.port.upload('empty', new Uint8Array(0)), [-22, null]);
      dom0.expect(await dom0.port.upload('zeroes', new Uint8Array(4096)), [-22, null]);
      await assert.rejects(
        dom0.port.upload('big', new Uint8Array(2 * 1024 * 1024 + 1)),
        (error: unknown) => error instanceof XspliceError && error.code === 'payload-too-large',
      );
    },
  },
  {
    name: 'basic: metadata',
    notFor: needs('metadata'),
    run: async (dom0) => {
      const result = await dom0.load('metadata');
      const { metadata } = await dom0.payload('metadata');
      assert.ok(metadata.length > 1, 'it carries several strings');
      for (const text of metadata) {
        assert.match(text, /^[^=]+=/);
        assert.ok(result.log.includes(`  ${text}`), `${text} is printed when it is applied`);
      }
    },
  },
  {
    name: 'basic: NOPs instead of a function',
    notFor: needs('nop'),
    run: async (dom0) => {
      const before = (await dom0.port.observe()).hypervisor.version;
      await dom0.load('nop');
      assert.notEqual((await dom0.port.observe()).hypervisor.version, before);
      dom0.expect(await dom0.act('nop', 'REVERT'), [0, 0]);
      assert.equal((await dom0.port.observe()).hypervisor.version, before);
    },
  },
];
