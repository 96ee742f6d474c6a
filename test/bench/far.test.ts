import assert from 'node:assert/strict';
import test from 'node:test';
import { farRows } from './far.js';

test('the rows of a host over ssh are made of what bench:remote says', () => {
  const said =
    '# apply of ten: local 1500 ms, ssh 1800 ms (1.2 times local), ssh with 30 ms 3750 ms (2.5 times local)';
  assert.deepEqual(farRows(said)?.slice(2), [
    '| by its dom0 | 1.50 s | 1.00× |  |',
    '| over ssh | 1.80 s | 1.20× |  |',
    '| over ssh, 30 ms farther there and back | 3.75 s | 2.50× | 4.00 s: twice local and a second |',
  ]);
  assert.equal(farRows('not ok'), null);
});
