import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nameText, payloadName, payloadNameFor } from '../../core/abi/payload-name.js';
import { XspliceError } from '../../core/findings/index.js';

describe('payloadNameFor', () => {
  const table: readonly [file: string, name: string][] = [
    ['xsa-401.livepatch', 'xsa-401'],
    ['dir.d/xsa-401.livepatch', 'xsa-401'],
    ['/a/b/hello', 'hello'],
    ['hello.1.2.ko', 'hello.1.2'],
    ['dir/.livepatch', '.livepatch'],
    ['a b\u001b[31m.livepatch', 'a b\u001b[31m'],
    // A name is bytes: é is two of them.
    ['é.livepatch', '\u00c3\u00a9'],
    [`${'x'.repeat(127)}.livepatch`, 'x'.repeat(127)],
  ];
  for (const [file, name] of table) {
    it(`${JSON.stringify(file).slice(0, 30)} is uploaded as ${JSON.stringify(name).slice(0, 30)}`, () => {
      assert.equal(payloadNameFor(file), name);
    });
  }

  const refused: readonly [name: string, message: RegExp][] = [
    ['', /empty/],
    ['a\0b', /holds a NUL/],
    ['x'.repeat(128), /has 128 bytes, Xen takes at most 127/],
    ['é'.repeat(64), /has 128 bytes/],
  ];
  for (const [name, message] of refused) {
    it(`refuses ${JSON.stringify(name).slice(0, 20)}`, () => {
      assert.throws(
        () => payloadName(name),
        (error: unknown) => {
          assert.ok(error instanceof XspliceError);
          assert.equal(error.code, 'payload-bad-name');
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('reads names back as the text they were', () => {
    assert.equal(nameText(payloadNameFor('é.livepatch')), 'é');
    assert.equal(nameText('\u00ff\u0001'), '\udcff\u0001');
  });
});
