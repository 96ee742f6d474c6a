import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type CodeContext, effectiveCode, runningCode } from '../../core/oldcode/index.js';
import { revert } from '../../core/verify/index.js';
import { demoPayload, demoSetting, withApplied } from '../support/demo-code.js';

let bare: CodeContext;
before(async () => {
  bare = await demoSetting();
});

const EXTRA = 'xen_extra_version';

function codeWith(...names: readonly string[]) {
  const { base, model } = withApplied(bare, ...names.map(demoPayload));
  return runningCode(base, model);
}

function addressOf(name: string): bigint {
  const address = bare.base.symbols.lookup(name);
  assert.ok(address !== null);
  return address;
}

describe('effectiveCode', () => {
  it('is the hypervisor’s own where nothing is applied', () => {
    const found = effectiveCode(codeWith(), EXTRA);
    assert.equal(found.symbol, EXTRA);
    assert.equal(found.offset, 0n);
    assert.equal(found.owner, null);
    assert.deepEqual(found.history, [
      { owner: null, address: addressOf(EXTRA), sizeBytes: 12, kind: 'original' },
    ]);
    assert.equal(Buffer.from(found.bytes ?? []).toString('hex', 0, 3), '488d05');
  });

  it('is that of the topmost payload, with the history below it', () => {
    const code = codeWith('hello', 'independent-a', 'bye');
    const found = effectiveCode(code, EXTRA);
    assert.deepEqual(
      found.history.map(({ owner, kind }) => [owner, kind]),
      [
        [null, 'original'],
        ['hello', 'replacement'],
        ['bye', 'replacement'],
      ],
    );
    assert.equal(found.isRunning, false);
    const top = found.history.at(-1)?.address ?? 0n;
    const inside = effectiveCode(code, top + 3n);
    assert.equal(inside.owner, 'bye');
    assert.equal(inside.symbol, EXTRA);
    assert.equal(inside.offset, 3n);
    assert.equal(inside.isRunning, true);
    assert.deepEqual(inside.history, found.history);
    assert.deepEqual(inside.bytes, found.bytes);
  });

  it('knows code of a payload that no call reaches any more', () => {
    const code = codeWith('hello', 'bye');
    const middle = effectiveCode(code, EXTRA).history[1];
    assert.equal(middle?.owner, 'hello');
    const found = effectiveCode(code, middle?.address ?? 0n);
    assert.deepEqual([found.owner, found.isRunning], ['hello', false]);
  });

  it('is the code below again after a revert', () => {
    const { base, model } = withApplied(bare, demoPayload('hello'), demoPayload('bye'));
    const { model: reverted } = revert(model, 'bye');
    const { history } = effectiveCode(runningCode(base, reverted), EXTRA);
    assert.deepEqual(
      history.map(({ owner }) => owner),
      [null, 'hello'],
    );
  });

  it('says where NOPs were written', () => {
    const { history } = effectiveCode(codeWith('nop'), 'xen_minor_version');
    const last = history.at(-1);
    assert.deepEqual([last?.owner, last?.kind], ['nop', 'nops']);
    assert.equal(last?.address, addressOf('xen_minor_version'));
  });

  it('finds the function that an address is in, and data by its symbol', () => {
    const code = codeWith('hello');
    const inside = effectiveCode(code, addressOf('demo_total') + 5n);
    assert.deepEqual([inside.symbol, inside.offset, inside.owner], ['demo_total', 5n, null]);
    const data = effectiveCode(code, addressOf('demo_domains') + 1n);
    assert.deepEqual([data.symbol, data.offset, data.bytes], ['demo_domains', 1n, null]);
  });

  it('fails on what is nowhere, with a hint at static functions of that name', () => {
    assert.throws(() => effectiveCode(codeWith(), 'no_such_function'), { code: 'unknown-symbol' });
    assert.throws(() => effectiveCode(codeWith(), 'limit'), { hint: /common\/kernel\.c#limit/ });
    assert.throws(() => effectiveCode(codeWith(), 0x1000n), { code: 'unknown-address' });
  });
});
