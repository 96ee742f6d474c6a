import assert from 'node:assert/strict';
import test from 'node:test';
import exactWidth from 'string-width';
import stringWidth from '../../cli/terminal/width.js';

test('text is as wide as the package says that knows all of Unicode', () => {
  for (let code = 0; code < 0x3100; code++) {
    const character = String.fromCodePoint(code);
    assert.equal(stringWidth(character), exactWidth(character), `U+${code.toString(16)}`);
  }
  for (const text of [
    '',
    'Xen — “4.17” · …',
    '漢字',
    'e\u0301',
    '👩‍👩‍👧',
    '\u001b[31mred\u001b[0m',
    '©\ufe0f',
  ]) {
    assert.equal(stringWidth(text), exactWidth(text), JSON.stringify(text));
  }
});
