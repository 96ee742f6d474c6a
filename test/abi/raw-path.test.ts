import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { payloadNameFor } from '../../core/abi/payload-name.js';
import { onDisk, pathBytes, pathText } from '../../core/abi/raw-path.js';

describe('a path', () => {
  it('of any bytes is text and comes back as these bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        assert.deepEqual([...pathBytes(pathText(bytes))], [...bytes]);
      }),
    );
  });

  it('of text is that text, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(pathText(Buffer.from(text)), text);
        assert.equal(onDisk(text), text);
      }),
    );
    assert.equal(pathText(Buffer.from('\ufffd😀é')), '\ufffd😀é');
  });

  it('has raw bytes between its characters', () => {
    const bytes = Buffer.from('a\xffb\xe2\x82\xac\xe2\x82.livepatch', 'latin1');
    const text = pathText(bytes);
    assert.equal(text, 'a\udcffb€\udce2\udc82.livepatch');
    assert.deepEqual(onDisk(text), bytes);
    assert.equal(payloadNameFor(text), 'a\xffb\xe2\x82\xac\xe2\x82');
  });
});
