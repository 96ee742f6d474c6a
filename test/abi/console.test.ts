import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { livepatchLines, xenLines } from '../../core/abi/console.js';

describe("Xen's console", () => {
  const lines: readonly (readonly [what: string, text: string, kept: readonly string[]])[] = [
    ['a line of Xen', '(XEN) hello\n', ['hello']],
    ['a time in brackets', '(XEN) [2026-01-02 03:04:05] hello\n', ['hello']],
    ['a time since boot', '(XEN) [   12.345678] hello\n', ['hello']],
    ["dom0's own text", '[    1.0] linux\nplain\n', []],
    ['carriage returns', '(XEN) a\r\n(XEN) b\r\n', ['a', 'b']],
    ['line separators of other standards inside', '(XEN) a\u0085b\rc\n', ['a\u0085b\rc']],
    ['the rest of a line whose start was overwritten', 'EN) half\n(XEN) whole\n', ['whole']],
  ];
  for (const [what, text, kept] of lines) {
    it(what, () => assert.deepEqual(xenLines(text), kept));
  }
});

describe('what Xen prints about live patches', () => {
  const table: readonly (readonly [what: string, text: string, kept: readonly string[]])[] = [
    ['nothing', '', []],
    [
      'only its own lines',
      '(XEN) d0v0 whatever\n(XEN) livepatch: a: Reverting\n(XEN) xsplice hook: called\nlivepatch: dom0 says\n',
      ['a: Reverting'],
    ],
    [
      'a debug build names the source line',
      '(XEN) livepatch.c:770: livepatch: a: Already loaded as b!\n(XEN) common/livepatch.c:1: livepatch: c\n',
      ['a: Already loaded as b!', 'c'],
    ],
    [
      'both ids of a mismatch, indented with no-break spaces',
      `(XEN) livepatch: p: build-id mismatch:\n(XEN) \u00c2\u00a0 livepatch: 00ff\n(XEN) ${'\u00c2\u00a0'.repeat(7)} xen: a1\n(XEN)   xen: b2 later\n`,
      ['p: build-id mismatch:', '  livepatch: 00ff', '        xen: a1'],
    ],
    [
      'indented lines elsewhere are not its own',
      '(XEN) livepatch: p: Reverting\n(XEN)   xen: a1\n',
      ['p: Reverting'],
    ],
  ];
  for (const [what, text, kept] of table) {
    it(what, () => assert.deepEqual(livepatchLines(text), kept));
  }
});
