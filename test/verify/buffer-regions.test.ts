import assert from 'node:assert/strict';
import { it } from 'node:test';
import { AddressSpace } from '../../core/verify/memory.js';

it('keeps saved bytes and forks apart where a region was given as a Buffer', () => {
  const given = Buffer.from([1, 2, 3, 4]);
  const memory = new AddressSpace([
    { base: 0x1000n, bytes: given, writable: true, label: 'read from a file' },
  ]);
  const saved = memory.read(0x1000n, 4).slice();
  const fork = memory.fork();
  fork.write(0x1000n, Uint8Array.of(9, 9));
  assert.deepEqual([...saved], [1, 2, 3, 4]);
  assert.deepEqual([...memory.read(0x1000n, 4)], [1, 2, 3, 4]);
  assert.deepEqual([...fork.read(0x1000n, 4)], [9, 9, 3, 4]);
  assert.deepEqual([...given], [1, 2, 3, 4]);
});
