import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ElfError } from '../../core/elf/errors.js';
import { readNotes } from '../../core/elf/notes.js';
import { buildIdNote, buildNote, hexBytes } from '../support/elf-builder.js';

const id = hexBytes('0102030405');

describe('notes that are all there', () => {
  const cases: readonly (readonly [
    string,
    Uint8Array,
    readonly (readonly [string, number, string, number])[],
  ])[] = [
    ['no bytes, no notes', new Uint8Array(), []],
    ['one', buildIdNote(id), [['GNU', 3, '0102030405', 0]]],
    [
      'without the padding at the end',
      buildIdNote(id).subarray(0, 21),
      [['GNU', 3, '0102030405', 0]],
    ],
    ['an empty desc', buildNote('GNU', 3, new Uint8Array()), [['GNU', 3, '', 0]]],
    ['no name', hexBytes('00000000 01000000 07000000 ff'), [['', 7, 'ff', 0]]],
    [
      'two, padded',
      Buffer.concat([buildNote('Xen', 18, id), buildIdNote(hexBytes('ff'))]),
      [
        ['Xen', 18, '0102030405', 0],
        ['GNU', 3, 'ff', 24],
      ],
    ],
    ['a NUL within the name', buildNote('GNU\0x', 3, id), [['GNU\0x', 3, '0102030405', 0]]],
  ];
  for (const [name, bytes, expected] of cases) {
    test(name, () => {
      const notes = [...readNotes(bytes, 'the test')];
      assert.deepEqual(
        notes.map((n) => [n.name, n.type, Buffer.from(n.desc).toString('hex'), n.offset]),
        expected,
      );
    });
  }
});

describe('notes that lie', () => {
  const cases: readonly (readonly [string, string, number, RegExp])[] = [
    [
      'half a header',
      '04000000 05',
      0,
      /Descsz of the note in the test at offset 0x4.*5 bytes of the test, found an end at 8/,
    ],
    [
      'namesz past the end',
      'ff000000 00000000 03000000 474e5500',
      0,
      /Name of the note.*found an end at 267/,
    ],
    ['namesz 2^32-1', 'ffffffff 04000000 03000000 474e5500', 0, /Name of the note.*4294967307/],
    [
      'descsz past the end',
      '04000000 05000000 03000000 474e5500 01020304',
      0,
      /Desc of the note.*found an end at 21/,
    ],
    ['descsz 2^32-1', '04000000 ffffffff 03000000 474e5500', 0, /Desc of the note.*4294967311/],
    [
      'a name without NUL',
      '03000000 00000000 03000000 474e5500',
      0,
      /NUL as the last of its 3 bytes, found 0x55/,
    ],
    ['a bad second note', '04000000 00000000 03000000 474e5500 01', 1, /namesz of the note.*0x10/i],
  ];
  for (const [name, hex, before, message] of cases) {
    test(name, () => {
      const notes = readNotes(hexBytes(hex), 'the test');
      for (let i = 0; i < before; i++) assert.equal(notes.next().done, false);
      assert.throws(
        () => notes.next(),
        (error) => {
          assert.ok(error instanceof ElfError);
          assert.match(error.message, message);
          return true;
        },
      );
      assert.equal(notes.next().done, true, 'ends with its first error');
    });
  }
});
