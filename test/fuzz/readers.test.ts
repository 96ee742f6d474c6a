import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FuzzTarget, fuzzReaders } from './readers.js';
import { fuzzStructures } from './structures.js';

const RUNS = 3000;

test('no bytes make a reader crash or hang', () => {
  const report = fuzzReaders({ seed: 1, runs: RUNS });
  assert.deepEqual(report.crashes, []);
  assert.ok(report.longest.ms < 1000, `${report.longest.ms} ms: ${report.longest.input}`);
  assert.ok(report.accepted > RUNS / 20, `only ${report.accepted} inputs were read`);
  assert.ok(report.refused > RUNS, `only ${report.refused} inputs were refused`);
});

test('the fuzzer sees a crash', () => {
  const fragile: FuzzTarget = {
    name: 'fragile',
    run: (bytes) => {
      if (bytes[0] === 0x7f) throw new RangeError('fragile');
    },
  };
  const report = fuzzReaders({ seed: 1, runs: 20, targets: [fragile] });
  assert.ok(report.crashes.length > 0);
});

test('no changed field of a payload makes check, record or plan crash, or speaks to the terminal', async () => {
  const { crashes, raw, executions } = await fuzzStructures(1, 2000);
  assert.deepEqual([...crashes], []);
  assert.deepEqual([...raw], []);
  assert.ok(executions > 0);
});
