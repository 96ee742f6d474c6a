import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { symbolAt } from '../../core/hazards/symbol-spans.js';
import { upload } from '../../core/verify/index.js';
import { demoHypervisor, hostilePayloads } from '../support/hostile-payloads.js';

const [loaded] = upload(demoHypervisor().model, 'p', hostilePayloads().plain).model.payloads;
const HIGHEST = 40;

describe('the symbol of a payload at an address', () => {
  it('is the last one that covers it, however they lie over each other', () => {
    assert.ok(loaded);
    const symbol = fc
      .tuple(fc.nat(HIGHEST), fc.nat(HIGHEST / 2))
      .map(([value, size]) => ({ value: BigInt(value), size: BigInt(size) }));
    fc.assert(
      fc.property(fc.array(symbol, { maxLength: 12 }), (spans) => {
        const symbols = spans.map((span, i) => ({ name: `s${i}`, newSymbol: true, ...span }));
        for (let at = 0n; at <= BigInt(2 * HIGHEST); at++) {
          const last = symbols.findLast((s) => s.value <= at && at < s.value + s.size);
          assert.equal(symbolAt({ ...loaded, symbols }, at), last ?? null);
        }
      }),
    );
  });
});
