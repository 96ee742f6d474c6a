import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SHT } from '../../core/elf/constants.js';
import { sectionByName, sectionBytes } from '../../core/elf/contents.js';
import { ElfError } from '../../core/elf/errors.js';
import { type ElfFile, readElf } from '../../core/elf/file.js';
import { readRelocations } from '../../core/elf/relocations.js';
import { readSymbols } from '../../core/elf/symbols.js';
import { withFields } from '../support/bytes.js';
import { buildElf } from '../support/elf-builder.js';
import { payloadLikeElf } from '../support/fixtures.js';
import { createPrng } from '../support/prng.js';

const good = payloadLikeElf();
const elf = readElf(good);
const tableAt = Number(elf.header.sectionHeaderOffset);
const NEAR_2_64 = 2n ** 64n - 1n;

/** Offset of the header of a section. */
function headerOf(name: string): number {
  const section = sectionByName(elf, name);
  assert.ok(section, name);
  return tableAt + section.index * 64;
}

function assertElfError(action: () => unknown, message: RegExp): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof ElfError, String(error));
    assert.match(error.message, message);
    assert.notEqual(error.expected, '');
    assert.notEqual(error.actual, '');
    return true;
  });
}

describe('files whose headers cannot be read', () => {
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['empty', new Uint8Array(), /expected the bytes 7f 45 4c 46, found an empty file/],
    ['one byte', good.subarray(0, 1), /found 7f$/],
    ['text', Buffer.from('#!/bin/sh\n'), /found 23 21 2f 62/],
    ['random', createPrng(1).bytes(4096), /expected the bytes 7f 45 4c 46/],
    ['magic only', good.subarray(0, 4), /e_ident.*within the 4 bytes.*at 16/],
    ['half a header', good.subarray(0, 63), /ELF header.*within the 63 bytes.*at 64/],
    ['no section table', good.subarray(0, tableAt), /Table of e_shoff/],
    ['a section table cut short', good.subarray(0, good.length - 1), /Table of e_shoff/],
    ['class 3', withFields(good, [{ at: 4, size: 1, value: 3n }]), /EI_CLASS.*found 3/],
    ['big-endian', withFields(good, [{ at: 5, size: 1, value: 2n }]), /found 2 \(big-endian\)/],
    ['no byte order', withFields(good, [{ at: 5, size: 1, value: 0n }]), /EI_DATA.*found 0/],
    ['ident version 0', withFields(good, [{ at: 6, size: 1, value: 0n }]), /EI_VERSION.*found 0/],
    ['e_version 2', withFields(good, [{ at: 20, size: 4, value: 2n }]), /e_version.*found 2/],
    [
      'e_shoff near 2^64',
      withFields(good, [{ at: 40, size: 8, value: NEAR_2_64 }]),
      /Table of e_shoff.*found an end at 1844674407370955/,
    ],
    [
      'e_shoff that wraps to the start',
      withFields(good, [{ at: 40, size: 8, value: NEAR_2_64 - 63n }]),
      /Table of e_shoff/,
    ],
    ['e_shnum 65535', withFields(good, [{ at: 60, size: 2, value: 65535n }]), /e_shnum 65535/],
    ['e_shnum 0', withFields(good, [{ at: 60, size: 2, value: 0n }]), /e_shnum.*extended/],
    ['e_shoff 0', withFields(good, [{ at: 40, size: 8, value: 0n }]), /e_shoff.*found 0/],
    ['e_shentsize 0', withFields(good, [{ at: 58, size: 2, value: 0n }]), /e_shentsize.*64.*0/],
    ['e_shentsize 40', withFields(good, [{ at: 58, size: 2, value: 40n }]), /e_shentsize.*64.*40/],
    [
      'e_shstrndx past the end',
      withFields(good, [{ at: 62, size: 2, value: 999n }]),
      /e_shstrndx.*999/,
    ],
    [
      'e_shstrndx of .text',
      withFields(good, [{ at: 62, size: 2, value: 1n }]),
      /3 \(STRTAB\), found 1/,
    ],
    ['phdrs at 0', withFields(good, [{ at: 56, size: 2, value: 1n }]), /e_phoff.*found 0/],
    [
      'e_phentsize 1',
      withFields(good, [
        { at: 32, size: 8, value: 64n },
        { at: 54, size: 2, value: 1n },
        { at: 56, size: 2, value: 9n },
      ]),
      /e_phentsize: expected 56, found 1/,
    ],
    [
      'e_phoff near 2^64',
      withFields(good, [
        { at: 32, size: 8, value: NEAR_2_64 },
        { at: 54, size: 2, value: 56n },
        { at: 56, size: 2, value: 1n },
      ]),
      /Table of e_phoff/,
    ],
    [
      'a section name outside its table',
      withFields(good, [{ at: headerOf('.text'), size: 4, value: 0xffff_fff0n }]),
      /Name of section 1: expected an offset within/,
    ],
    [
      'section names without the last NUL',
      withFields(good, [
        {
          at: headerOf('.shstrtab') + 32,
          size: 8,
          value: (sectionByName(elf, '.shstrtab')?.size ?? 0n) - 1n,
        },
      ]),
      /Name of section \d+: expected a NUL/,
    ],
    [
      'a name table past the end',
      withFields(good, [{ at: headerOf('.shstrtab') + 24, size: 8, value: NEAR_2_64 }]),
      /section names/i,
    ],
  ];
  for (const [name, bytes, message] of cases) {
    test(name, () => assertElfError(() => readElf(bytes), message));
  }

  test('every length short of the whole file fails with an ElfError', () => {
    for (let length = 0; length < good.length; length++) {
      assertElfError(() => readElf(good.subarray(0, length)), /expected/);
    }
  });
});

describe('files whose contents cannot be read', () => {
  const readText = (file: ElfFile) => {
    const text = sectionByName(file, '.text');
    assert.ok(text);
    return sectionBytes(file, text);
  };
  const change = (section: string, field: number, size: 1 | 2 | 4 | 8, value: bigint) =>
    withFields(good, [{ at: headerOf(section) + field, size, value }]);
  const symtab = Number(sectionByName(elf, '.symtab')?.offset);
  const rela = Number(sectionByName(elf, '.rela.text')?.offset);
  const cases: readonly (readonly [string, Uint8Array, (elf: ElfFile) => unknown, RegExp])[] = [
    ['size 2^64-1', change('.text', 32, 8, NEAR_2_64), readText, /Section 1 \(\.text\)/],
    ['offset 2^64-1', change('.text', 24, 8, NEAR_2_64), readText, /offset 0xffffffffffffffff/],
    ['size one too many', change('.text', 32, 8, BigInt(good.length)), readText, /within the/],
    [
      'NOBITS',
      good,
      (file) => sectionBytes(file, sectionByName(file, '.bss') ?? assert.fail()),
      /8 \(NOBITS\)/,
    ],
    [
      'symbols of size 23',
      change('.symtab', 56, 8, 23n),
      readSymbols,
      /entry size.*expected 24, found 23/i,
    ],
    ['symbols of size 0', change('.symtab', 56, 8, 0n), readSymbols, /expected 24, found 0/],
    [
      'half a symbol',
      change('.symtab', 32, 8, 25n),
      readSymbols,
      /expected a multiple of 24, found 25/,
    ],
    [
      'symbols near 2^64',
      change('.symtab', 32, 8, NEAR_2_64 - 15n),
      readSymbols,
      /at most 1048576/,
    ],
    ['symbols past the end', change('.symtab', 24, 8, NEAR_2_64), readSymbols, /\.symtab/],
    ['names in .text', change('.symtab', 40, 4, 1n), readSymbols, /1, which has type 1/],
    ['names nowhere', change('.symtab', 40, 4, 0xffffn), readSymbols, /65535 of/],
    [
      'a symbol name outside its table',
      withFields(good, [{ at: symtab + 24, size: 4, value: 0x7fff_ffffn }]),
      readSymbols,
      /Name of symbol 1.*found 2147483647/,
    ],
    [
      'two symbol tables',
      change('.text', 4, 4, BigInt(SHT.SYMTAB)),
      readSymbols,
      /found 2 \(sections 1, /,
    ],
    [
      'relocations of size 0',
      change('.rela.text', 56, 8, 0n),
      readRelocations,
      /expected 24, found 0/,
    ],
    [
      'a relocated section that is not',
      change('.rela.text', 44, 4, 500n),
      readRelocations,
      /found 500/,
    ],
    [
      'relocations without symbols',
      change('.rela.text', 40, 4, 0n),
      readRelocations,
      /0, which has type 0/,
    ],
    [
      'a relocation against symbol 4294967295',
      withFields(good, [{ at: rela + 12, size: 4, value: 0xffff_ffffn }]),
      readRelocations,
      /symbol of relocation 0.*found 4294967295/i,
    ],
  ];
  for (const [name, bytes, read, message] of cases) {
    test(name, () => {
      const file = readElf(bytes);
      assertElfError(() => read(file), message);
    });
  }
});

test('absent, empty and invalid symbol tables are three results', () => {
  const absent = buildElf({ sections: [], symbolTable: false });
  assert.equal(readSymbols(readElf(absent)), null);
  const empty = buildElf({
    sections: [{ name: '.symtab', type: SHT.SYMTAB, link: '.shstrtab', entrySize: 24 }],
    symbolTable: false,
  });
  assert.deepEqual(readSymbols(readElf(empty)), []);
  const invalid = buildElf({
    sections: [
      {
        name: '.symtab',
        type: SHT.SYMTAB,
        link: '.shstrtab',
        entrySize: 24,
        data: new Uint8Array(1),
      },
    ],
    symbolTable: false,
  });
  assertElfError(() => readSymbols(readElf(invalid)), /multiple of 24/);
});

test('names that overlap each other are not read out without end', () => {
  const long = 'a'.repeat(4000);
  const bytes = buildElf({
    sections: [],
    symbols: [long, ...Array.from({ length: 100 }, (_, i) => `s${i}`)].map((name) => ({ name })),
  });
  const file = readElf(bytes);
  const symtab = Number(sectionByName(file, '.symtab')?.offset);
  const overlapping = withFields(
    bytes,
    Array.from({ length: 100 }, (_, i) => ({
      at: symtab + (i + 2) * 24,
      size: 4,
      value: BigInt(i + 2),
    })),
  );
  assertElfError(() => readSymbols(readElf(overlapping)), /overlap/);
});

test('64-bit values are exact to the last bit', () => {
  const value = 0xffff_82d0_4023_4b21n;
  const bytes = buildElf({
    entry: value,
    sections: [
      {
        name: '.odd',
        flags: value,
        address: NEAR_2_64,
        data: Uint8Array.of(7),
        align: 1,
        entrySize: 3,
      },
    ],
    symbols: [{ name: 's', value, size: NEAR_2_64, section: '.odd' }],
    relocations: [{ section: '.odd', offset: value, type: 1, symbol: 's', addend: -(2n ** 63n) }],
  });
  const file = readElf(
    withFields(bytes, [
      { at: Number(readElf(bytes).header.sectionHeaderOffset) + 64 + 48, size: 8, value },
    ]),
  );
  assert.equal(file.header.entry, value);
  const odd = sectionByName(file, '.odd');
  assert.deepEqual(
    [odd?.flags, odd?.address, odd?.alignment, odd?.entrySize],
    [value, NEAR_2_64, value, 3n],
  );
  assert.deepEqual(
    readSymbols(file)?.map((s) => [s.name, s.value, s.size]),
    [
      ['', 0n, 0n],
      ['s', value, NEAR_2_64],
    ],
  );
  assert.deepEqual(readRelocations(file)[0]?.entries, [
    { offset: value, type: 1, symbolIndex: 1, addend: -(2n ** 63n) },
  ]);
});
