import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBuildId } from '../../core/abi/ids.js';
import { typedBuildId, typedDigits } from '../../core/abi/typed-id.js';

const ID = 'b47c8ae82c7ea97d0011223344556677889900aa';
const known = [ID, `b47c8ae8${'00'.repeat(16)}`].map(parseBuildId);

test('digits of an id are read as people type them', () => {
  for (const text of ['b47c8ae8', 'B47C8AE8', '0xb47c8ae8', '0XB47C8AE8', ' b4:7c:8a:e8 ']) {
    assert.equal(typedDigits(text), 'b47c8ae8', text);
  }
  assert.equal(typedDigits('b4:7c:8a:e8:2'), 'b47c8ae82');
  for (const text of ['b47c8ae', 'b47c:8ae8', 'hello-world', 'b4:7c:8', '0x', '']) {
    assert.equal(typedDigits(text), null, text);
  }
});

test('the beginning of an id stands for it where it is the only one', () => {
  assert.equal(
    typedBuildId('0xB47C8AE82', () => known),
    ID,
  );
  assert.equal(
    typedBuildId(ID.toUpperCase(), () => []),
    ID,
  );
  assert.equal(
    typedBuildId('aabbccdd', () => known),
    'aabbccdd',
  );
  assert.throws(() => typedBuildId('b47c8ae8', () => known), {
    code: 'ambiguous-build-id',
    message: `2 build-ids start with b47c8ae8: ${known.join(', ')}`,
  });
  for (const text of ['xyz', 'abc', '']) {
    assert.throws(() => typedBuildId(text, () => known), { code: 'bad-build-id' }, text);
  }
});
