import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeBuildId,
  decodeExtraVersion,
  decodeVersion,
  encodeBuildIdRequest,
} from '../../core/abi/xen-version.js';

describe('xen_version', () => {
  it('version is major and minor in one word', () => {
    assert.deepEqual(decodeVersion(0x0004_0011), { major: 4, minor: 17 });
  });
  const extras: readonly (readonly [bytes: string, text: string])[] = [
    ['.7\0rest of it.....', '.7'],
    ['\0', ''],
    ['sixteen bytes ok!', 'sixteen bytes ok'],
  ];
  for (const [bytes, text] of extras) {
    it(`extra version ${JSON.stringify(text)}`, () => {
      assert.equal(decodeExtraVersion(Buffer.from(bytes, 'latin1')), text);
    });
  }
  it('asks for a build-id with the room there is', () => {
    const request = encodeBuildIdRequest(4);
    assert.equal(Buffer.from(request).toString('hex'), '0400000000000000');
  });
  it('reads ids of any length up to the room', () => {
    const bytes = Buffer.from('04000000deadbeef', 'hex');
    assert.equal(decodeBuildId(bytes, 1), 'de');
    assert.equal(decodeBuildId(bytes, 4), 'deadbeef');
  });
  for (const size of [0, 5, -61]) {
    it(`refuses an id of ${size} bytes in a room of 4`, () => {
      assert.throws(() => decodeBuildId(Buffer.alloc(8), size), { code: 'xen-bad-answer' });
    });
  }
});
