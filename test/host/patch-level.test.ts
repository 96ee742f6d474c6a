import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRelease } from '../../core/abi/release.js';
import { judgedRelease } from '../../core/host/running-xen.js';

const release = (text: string) => parseRelease(text) ?? assert.fail(text);

describe('the release whose rules count for a running Xen', () => {
  const said = release('4.16');

  it('is that of its image: a payload may replace what it says of its version', () => {
    const judged = judgedRelease(null, said, release('4.16.3'));
    assert.deepEqual(judged, { release: release('4.16.3'), assumption: null });
    const other = judgedRelease(null, release('4.16.0'), release('4.16.3'));
    assert.deepEqual(other.release, release('4.16.3'));
  });

  it('is the one that was named', () => {
    const judged = judgedRelease(release('4.16.1'), said, release('4.16.3'));
    assert.deepEqual(judged, { release: release('4.16.1'), assumption: null });
  });

  it('is said to be assumed where the patch level is not known', () => {
    for (const image of [null, said, release('4.17.3')]) {
      const { release: judged, assumption } = judgedRelease(null, said, image);
      assert.deepEqual(judged, said);
      assert.match(assumption ?? '', /patch level of this Xen 4\.16 is not known/);
    }
    assert.equal(judgedRelease(null, release('4.16.7'), null).assumption, null);
  });
});
