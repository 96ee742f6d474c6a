import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BuildId, parseBuildId } from '../../../core/abi/ids.js';
import { positionsOf } from '../../../core/hypervisor/xen/positions.js';

const id = (text: string): BuildId | null => (text === '?' ? null : parseBuildId(text));

describe('places of applied payloads', () => {
  const table: readonly (readonly [
    what: string,
    xen: string,
    /** `own id<its parent's`, in the order of upload. */
    applied: readonly string[],
    positions: readonly (number | null)[],
  ])[] = [
    ['none', 'aa', [], []],
    ['one on the hypervisor', 'aa', ['01<aa'], [1]],
    ['in the order of upload', 'aa', ['01<aa', '02<01', '03<02'], [1, 2, 3]],
    ['in another order', 'aa', ['03<02', '01<aa', '02<01'], [3, 1, 2]],
    ['two on the hypervisor', 'aa', ['01<aa', '02<aa'], [null, null]],
    ['two on one payload', 'aa', ['01<aa', '02<01', '03<01'], [null, null, null]],
    ['one on what is not there', 'aa', ['01<aa', '02<99'], [null, null]],
    ['a circle', 'aa', ['01<02', '02<01'], [null, null]],
    ['a circle behind a line', 'aa', ['01<aa', '02<01', '03<04', '04<03'], Array(4).fill(null)],
    ['on itself', 'aa', ['01<01'], [null]],
    ["the hypervisor's own id as a payload's", 'aa', ['aa<aa'], [1]],
    ['an unknown id', 'aa', ['01<aa', '?<01'], [null, null]],
    ['an unknown parent', 'aa', ['01<aa', '02<?'], [null, null]],
    ['a hypervisor without an id', '?', ['01<aa'], [null]],
  ];
  for (const [what, xen, applied, positions] of table) {
    it(what, () => {
      const payloads = applied.map((text) => {
        const [own = '?', parent = '?'] = text.split('<');
        return { buildId: id(own), depends: id(parent) };
      });
      assert.deepEqual(positionsOf(id(xen), payloads), positions);
    });
  }
});
