import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { livepatchLines } from '../../core/abi/console.js';
import { shownOnConsole } from '../../core/verify/console.js';
import { apply, upload } from '../../core/verify/index.js';
import type { LogLine } from '../../core/verify/verdict.js';
import { tinyModel, tinyPayload, verdictLine } from '../support/tiny-model.js';

/** What is left of the 1,023 bytes behind `<0>livepatch: `. */
const ROOM = 1023 - 14;
const error = (text: string): LogLine => ({ level: 'error', text });
const info = (text: string): LogLine => ({ level: 'info', text });
const n = (length: number) => 'n'.repeat(length);

describe('what the console shows', () => {
  const table: readonly (readonly [
    what: string,
    printed: readonly LogLine[],
    shown: readonly LogLine[],
  ])[] = [
    ['nothing', [], []],
    ['lines that fit', [info('a'), error('b')], [info('a'), error('b')]],
    [
      'text and line break just fit',
      [error(n(ROOM - 1)), info('b')],
      [error(n(ROOM - 1)), info('b')],
    ],
    [
      'the line break does not fit: the next line goes on in this one, its level mark shown',
      [error(n(ROOM)), info('b'), info('c')],
      [error(`${n(ROOM)}<2>livepatch: b`), info('c')],
    ],
    [
      'a line that is cut',
      [error(n(ROOM + 500)), error('b')],
      [error(`${n(ROOM)}<0>livepatch: b`)],
    ],
    ['a line that is cut, and nothing behind it', [info(n(5000))], [info(n(ROOM))]],
    [
      'two that are cut, and one behind them',
      [error(n(5000)), info(n(5000)), { level: 'warning', text: 'c' }],
      [error(`${n(ROOM)}<2>livepatch: ${n(ROOM)}<1>livepatch: c`)],
    ],
    [
      'a line break in a name: the rest is nobody’s line',
      [error('a\nb: c'), info('d')],
      [error('a'), info('d')],
    ],
    [
      'a name that prints a line of its own, with a mark',
      [error('a\n<3>livepatch: all is well')],
      [error('a'), error('all is well')],
    ],
    [
      'a cut line whose rest begins behind a line break',
      [error(`a\nlivepatch: ${n(5000)}`), info('b')],
      [error('a'), error(`${n(ROOM - 2 - 11)}<2>livepatch: b`)],
    ],
    [
      'both ids of a mismatch',
      [error('p: build-id mismatch:\n  livepatch: 00ff\n        xen: a1'), info('b')],
      [
        error('p: build-id mismatch:'),
        error('  livepatch: 00ff'),
        error('        xen: a1'),
        info('b'),
      ],
    ],
  ];
  for (const [what, printed, shown] of table) {
    it(what, () => assert.deepEqual(shownOnConsole(printed), shown));
  }

  it('is what the reader of the ring makes of the same text', () => {
    const printed = [error(n(5000)), info('x: build-id mismatch:\n  xen: 00\n  more'), info('b')];
    const ring = `(XEN) livepatch: ${n(ROOM)}<2>livepatch: x: build-id mismatch:\n(XEN)   xen: 00\n(XEN)   more\n(XEN) livepatch: b\n`;
    assert.deepEqual(
      shownOnConsole(printed).map(({ text }) => text),
      livepatchLines(ring),
    );
  });

  it('cuts the name of an unknown symbol', () => {
    const bytes = tinyPayload({ extraSymbols: [{ name: n(3000) }] });
    const line = verdictLine(upload(tinyModel('4.17.7'), 'p', bytes));
    const text = 'p: Unknown symbol: ';
    assert.equal(line, `refused symbol-resolution ENOENT: ${text}${n(ROOM - text.length)}`);
  });

  it('joins what follows long metadata', () => {
    const modinfo = Buffer.from(`k=${n(3000)}\0l=m\0`);
    const { model } = upload(tinyModel('4.17.7'), 'p', tinyPayload({ modinfo }));
    const { log } = apply(model, 'p', { nodeps: false }).verdict;
    assert.deepEqual(
      log.slice(-3).map(({ text }) => text),
      ['module metadata:', `  k=${n(ROOM - 4)}<2>livepatch:   l=m`, 'p finished APPLY with rc=0'],
    );
  });
});
