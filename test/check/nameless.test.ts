import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildId } from '../../core/abi/ids.js';
import { check } from '../../core/check/index.js';
import { inputFile } from '../../core/payload/index.js';
import { addressOf, tinyModel, tinyPayload } from '../support/tiny-model.js';

/** Releases of each layout and each order of the loader. */
const RELEASES = ['4.13', '4.16.7', '4.17.7', '4.20.1', '4.22.0'];

async function errors(bytes: Uint8Array, release: string): Promise<readonly string[]> {
  const model = tinyModel(release);
  const buildId = model.buildId ?? ('' as BuildId);
  const target = { buildId, model, symbols: null, notVerified: null };
  const { findings } = await check([inputFile('p.livepatch', bytes)], target);
  return findings.flatMap(({ code, severity }) => (severity === 'error' ? [code] : []));
}

describe('a function entry without a name', () => {
  for (const release of RELEASES) {
    const version = release === '4.13' ? { version: 1 as const, xenDepends: null } : {};

    it(`is accepted where it gives its address, as upstream's xen_nop does: ${release}`, async () => {
      const func = { name: null, oldAddress: addressOf('plain_fn'), newAddress: null, newSize: 7 };
      const bytes = tinyPayload({ ...version, functions: [func] });
      assert.deepEqual(await errors(bytes, release), []);
    });

    it(`kills Xen where it has to be looked up, and is one finding: ${release}`, async () => {
      const bytes = tinyPayload({
        ...version,
        functions: [{ name: null, newAddress: 'new_code' }],
      });
      assert.deepEqual(await errors(bytes, release), ['would-be-fatal']);
    });
  }
});

describe('what Xen prints in three lines (case 26)', () => {
  for (const [release, line] of [
    ['4.17.7', 'prints "p: check against hypervisor build-id failed"'],
    ['4.20.1', 'prints "p: build-id mismatch:"'],
  ] as const) {
    it(`is quoted by the one that says what it is: ${release}`, async () => {
      const model = tinyModel(release);
      const buildId = model.buildId ?? ('' as BuildId);
      const bytes = tinyPayload({
        xenDepends: new Uint8Array([
          4, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0x47, 0x4e, 0x55, 0, 9, 0, 0, 0,
        ]),
      });
      const target = { buildId, model, symbols: null, notVerified: null };
      const { findings } = await check([inputFile('p.livepatch', bytes)], target);
      const refused = findings.find(({ code }) => code === 'wrong-hypervisor');
      assert.ok(refused?.message.includes(line), refused?.message);
    });
  }
});
