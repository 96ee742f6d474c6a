import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EM } from '../../core/elf/index.js';
import { XspliceError } from '../../core/findings/index.js';
import { readPayload } from '../../core/payload/index.js';
import { planPayloadOf } from '../../core/payload/plan-payload.js';
import { checkChain } from '../../core/stack/index.js';
import { cpuMs } from '../support/cpu-time.js';
import { buildPayload } from '../support/payload-builder.js';
import { createPrng, type Prng } from '../support/prng.js';
import { idOf } from '../support/stack-builders.js';

const BOUNDARIES = [0, 1, 2, 0x7f, 0x80, 0xff] as const;
const VARIANTS = 6_000;
const SEED = 20_240_401;

const ORIGINALS = [
  buildPayload({
    functions: [{ name: 'a' }, { name: 'b', newAddress: null, expect: Uint8Array.of(9, 1, 2) }],
    hooks: { load: ['on_load', 'on_load_too'], preapply: ['before'] },
    modinfo: Buffer.from('a=b\0c=d\0'),
  }),
  buildPayload({ version: 1, functions: [{ name: 'a' }, { name: 'b' }], xenDepends: null }),
  buildPayload({ machine: EM.AARCH64, functions: [{ name: 'a', oldAddress: 16n }] }),
] as const;

/** One to four bytes or words changed, or the file cut: what damage and malice look like. */
function damaged(prng: Prng): Uint8Array {
  const bytes = Uint8Array.from(prng.pick(ORIGINALS));
  if (prng.below(10) === 0) return bytes.subarray(0, prng.below(bytes.length));
  const view = new DataView(bytes.buffer);
  for (let changes = 1 + prng.below(4); changes > 0; changes--) {
    const at = prng.below(bytes.length - 8);
    if (prng.below(3) === 0)
      view.setBigUint64(at, BigInt.asUintN(64, -BigInt(prng.below(9))), true);
    else bytes[at] = prng.below(2) === 0 ? prng.pick(BOUNDARIES) : prng.below(256);
  }
  return bytes;
}

describe('readPayload on damaged payloads', () => {
  it(`reads or refuses each of ${VARIANTS} variants (seed ${SEED}), none in over a second`, () => {
    const prng = createPrng(SEED);
    const seen = { read: 0, faulty: 0, refused: 0 };
    let slowest = 0;
    for (let variant = 0; variant < VARIANTS; variant++) {
      const bytes = damaged(prng);
      const start = cpuMs();
      try {
        const payload = readPayload(bytes, 'damaged.livepatch');
        const member = planPayloadOf(payload, String(variant));
        checkChain([member], idOf('hypervisor'));
        seen.read++;
        if (payload.findings.some((f) => f.severity === 'error')) seen.faulty++;
      } catch (error) {
        assert.ok(error instanceof XspliceError, `variant ${variant}: ${error}`);
        assert.equal(error.findings.length, 1, `variant ${variant}: ${error.message}`);
        seen.refused++;
      }
      slowest = Math.max(slowest, cpuMs() - start);
    }
    assert.ok(slowest < 1_000, `${slowest} ms`);
    // All three happen, or the variants are not what they are meant to be.
    assert.ok(
      Math.min(seen.refused, seen.faulty, seen.read - seen.faulty) > VARIANTS / 20,
      JSON.stringify(seen),
    );
  });
});
