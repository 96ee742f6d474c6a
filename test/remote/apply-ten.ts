import assert from 'node:assert/strict';
import { change } from '../../core/change/index.js';
import type { OpenHost } from '../../core/host/index.js';
import { inputFile, readPayloadInputs } from '../../core/payload/index.js';
import type { Family } from '../scenarios/scenario.js';

/** An emulated machine is late now and then: the best of so many counts. */
const ROUNDS = 3;
const TIMEOUT_NS = 1_000_000_000;

/** Milliseconds from the plan of ten payloads to the last look, on a host that is open; the best of three. */
export async function applyTen(host: OpenHost, family: Family): Promise<number> {
  const names = Array.from(
    { length: 10 },
    (_, index) => `chain-${String(index + 1).padStart(2, '0')}`,
  );
  const payloads = readPayloadInputs(
    names.map((name) => inputFile(`${name}.livepatch`, family.bytes(name))),
  );
  const options = { confirm: async () => true, timeoutNs: TIMEOUT_NS };
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    const { failure } = await change(host, { verb: 'apply', payloads }, options);
    times.push(performance.now() - started);
    assert.equal(failure, null, failure?.message);
    await change(host, { verb: 'revert', to: 'base' }, options);
    await change(host, { verb: 'unload', names }, options);
  }
  return Math.min(...times);
}
