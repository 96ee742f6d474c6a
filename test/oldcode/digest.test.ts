import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  codeGraph,
  type GuardSetting,
  readPatchSites,
  recordPayload,
  runningCode,
  withExpectations,
} from '../../core/oldcode/index.js';
import { type Payload, readPayload } from '../../core/payload/index.js';
import { apply, type Model, upload } from '../../core/verify/index.js';
import { demoPayload, demoSetting, withApplied } from '../support/demo-code.js';
import { hexBytes } from '../support/elf-builder.js';

let bare: GuardSetting;
before(async () => {
  bare = await demoSetting();
});

function addressOf(name: string): bigint {
  const address = bare.base.symbols.lookup(name);
  assert.ok(address !== null, name);
  return address;
}

/** The setting with bytes of its text changed, as nobody's patch. */
function changed(at: bigint, hex: string): GuardSetting {
  const memory = bare.model.memory.fork();
  memory.write(at, hexBytes(hex), () => true);
  return { ...bare, model: { ...bare.model, memory } };
}

function digestOf({ base, model, disassembler }: GuardSetting, name: string): string {
  const node = codeGraph(disassembler, runningCode(base, model)).named(name);
  assert.ok(node, name);
  return node.digest;
}

describe('the sites that are patched at boot', () => {
  it('are read from the tables of the image', () => {
    const [site, ...others] = readPatchSites(bare.base);
    assert.equal(others.length, 0);
    assert.equal(site?.address, addressOf('speculation_barrier'));
    assert.deepEqual([site?.kind, site?.sizeBytes], ['alternative', 3]);
    assert.deepEqual(
      site?.replacements.map(({ feature, bytes }) => [feature, Buffer.from(bytes).toString('hex')]),
      [[112, '0fae e8'.replace(' ', '')]],
    );
  });

  it('do not count in a digest, whatever the CPU made of them', () => {
    const patched = changed(addressOf('speculation_barrier'), '0f ae e8');
    const name = 'speculation_barrier';
    assert.equal(digestOf(patched, name), digestOf(bare, name));
  });

  it('are the only bytes that do not count', () => {
    const at = addressOf('speculation_barrier');
    const name = 'speculation_barrier';
    assert.notEqual(digestOf(changed(at + 3n, 'cc'), name), digestOf(bare, name));
  });
});

describe('a digest', () => {
  // demo_total: call demo_rate · imul demo_domains(%rip), %eax · mov · jmp limit
  const CHANGES: readonly { what: string; at: bigint; hex: string; isEqual: boolean }[] = [
    { what: 'an opcode', at: 0xcn, hex: '89 c6', isEqual: false },
    { what: 'the callee', at: 1n, hex: '1b 00 00 00', isEqual: false },
    { what: 'the variable', at: 8n, hex: '00 00 00 00', isEqual: false },
    { what: 'nothing', at: 0xcn, hex: '89 c7', isEqual: true },
  ];
  for (const { what, at, hex, isEqual } of CHANGES) {
    it(`${isEqual ? 'stays' : 'changes'} with ${what}`, () => {
      const setting = changed(addressOf('demo_total') + at, hex);
      const isSame = digestOf(setting, 'demo_total') === digestOf(bare, 'demo_total');
      assert.equal(isSame, isEqual);
    });
  }

  it('does not change with padding behind the function', () => {
    const name = 'xen_extra_version';
    const setting = changed(addressOf(name) + 12n, '90 90 90 90');
    assert.equal(digestOf(setting, name), digestOf(bare, name));
  });

  it('of a caller does not change when its callee is replaced', () => {
    const setting = withApplied(bare, demoPayload('callee-fix'));
    assert.equal(digestOf(setting, 'demo_total'), digestOf(bare, 'demo_total'));
    assert.notEqual(digestOf(setting, 'demo_rate'), digestOf(bare, 'demo_rate'));
  });

  it('of every function of the image is made without bytes that are no instruction', () => {
    const graph = codeGraph(bare.disassembler, runningCode(bare.base, bare.model));
    const withUnknown: string[] = [];
    for (const { name, address } of bare.base.extents) {
      const node = graph.node(address);
      assert.ok(node, name);
      assert.match(node.digest, /^[0-9a-f]{32}$/);
      if (node.unknownEdges > 0) withUnknown.push(name);
    }
    assert.deepEqual(withUnknown, ['handle_keypress']);
  });
});

describe('withExpectations', () => {
  const expecting = (name: string, setting: GuardSetting = bare): Payload => {
    const payload = demoPayload(name);
    const { bytes } = recordPayload(setting, payload, { expect: true });
    return readPayload(bytes, payload.file);
  };
  const applyOn = (model: Model, payload: Payload) => {
    const uploaded = upload(model, 'subject', payload.elf.bytes);
    return apply(uploaded.model, 'subject', { nodeps: true }).verdict.outcome;
  };

  it('makes Xen compare the first bytes of the old code', () => {
    const payload = expecting('caller-fix');
    const { expectation, oldSize } = payload.functions[0] ?? {};
    assert.equal(expectation?.enabled, true);
    assert.equal(expectation?.len, oldSize);
    const old = bare.model.memory.read(addressOf('demo_total'), 16);
    assert.deepEqual(Buffer.from(expectation?.data ?? []).subarray(0, 16), Buffer.from(old));
    assert.deepEqual(payload.buildId, demoPayload('caller-fix').buildId);
    assert.deepEqual(applyOn(bare.model, payload), { outcome: 'accepted' });
  });

  it('makes Xen refuse where these bytes differ', () => {
    const payload = expecting('hello');
    const other = withApplied(bare, demoPayload('replace'));
    assert.deepEqual(applyOn(other.model, payload), {
      outcome: 'refused',
      stage: 'expectations',
      errno: 22,
    });
  });

  it('replaces an expectation that was there', () => {
    const payload = expecting('expect-wrong');
    assert.deepEqual(applyOn(bare.model, payload), { outcome: 'accepted' });
  });

  it('leaves a function alone that another payload has replaced, with a warning', () => {
    const setting = withApplied(bare, demoPayload('hello'));
    const { expectationLengths, findings } = recordPayload(setting, demoPayload('bye'), {
      expect: true,
    });
    assert.deepEqual(expectationLengths, [0]);
    assert.deepEqual(
      findings.map(({ code, severity }) => [code, severity]),
      [['expectation-empty', 'warning']],
    );
    assert.match(findings[0]?.message ?? '', /payload "hello" has its trampoline there/);
  });

  it('ends before the first byte that Xen changes at boot', () => {
    const at = addressOf('demo_total') + 7n;
    const site = { address: at, sizeBytes: 3, kind: 'alternative', replacements: [] } as const;
    const setting = { ...bare, base: { ...bare.base, sites: [site] } };
    const { expectationLengths, findings } = recordPayload(setting, demoPayload('caller-fix'), {
      expect: true,
    });
    assert.deepEqual(expectationLengths, [7]);
    assert.deepEqual(
      findings.map(({ code, severity }) => [code, severity]),
      [['expectation-short', 'note']],
    );
  });

  it('fails where there is no function to expect anything of', () => {
    const payload = demoPayload('nofunc');
    assert.throws(() => recordPayload(bare, payload, { expect: true }), {
      code: 'expectation-unsupported',
    });
    assert.equal(typeof withExpectations, 'function');
  });
});
