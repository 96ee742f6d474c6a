import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ET, SHF, SHN, SHT, STB, STT } from '../../core/elf/constants.js';
import { XspliceError } from '../../core/findings/index.js';
import { readImage } from '../../core/image/image.js';
import { createSymbolTable } from '../../core/image/symbol-table.js';
import { readXensyms } from '../../core/image/xensyms.js';
import { buildElf, type SymbolSpec } from '../support/elf-builder.js';

const TEXT = 0xffff82d0_40200000n;

function tableOf(symbols: readonly SymbolSpec[]) {
  const bytes = buildElf({
    type: ET.EXEC,
    sections: [
      {
        name: '.text',
        flags: SHF.ALLOC | SHF.EXECINSTR | SHF.WRITE,
        address: TEXT,
        data: new Uint8Array(64),
      },
      { name: '.rodata', flags: SHF.ALLOC, address: TEXT + 64n, data: new Uint8Array(8) },
      { name: '.data', flags: SHF.ALLOC | SHF.WRITE, address: TEXT + 80n, data: new Uint8Array(8) },
      {
        name: '.bss',
        type: SHT.NOBITS,
        flags: SHF.ALLOC | SHF.WRITE,
        address: TEXT + 96n,
        size: 8n,
      },
      { name: '.comment', data: new Uint8Array(8) },
    ],
    symbols,
  });
  return readImage(bytes, 'xen-syms').symbols ?? assert.fail('no symbols');
}

const local = (
  name: string,
  section: string | number,
  offset: bigint,
  type: number = STT.FUNC,
) => ({
  name,
  binding: STB.LOCAL,
  type,
  section,
  value: TEXT + offset,
});
const global = (name: string, section: string | number, offset: bigint) => ({
  name,
  section,
  value: TEXT + offset,
});

describe('the table that Xen builds from .symtab', () => {
  const table = tableOf([
    local('first', '.text', 4n),
    { name: 'common/kernel.c', binding: STB.LOCAL, type: STT.FILE, section: SHN.ABS },
    local('same', '.text', 8n),
    local('ro', '.rodata', 64n, STT.OBJECT),
    local('$a', '.text', 9n),
    local('absolute', SHN.ABS, 0n),
    local('commented', '.comment', 0n),
    local('x_compiled.1', '.data', 80n),
    { name: 'arch/x86/mm.c', binding: STB.LOCAL, type: STT.FILE, section: SHN.ABS },
    local('same', '.text', 12n),
    local('alias', '.text', 16n),
    global('shown', '.text', 16n),
    global('_etext', SHN.ABS, 63n),
    global('data', '.data', 80n),
    global('zero', '.bss', 96n),
    { name: 'weak', binding: STB.WEAK, section: '.text', value: TEXT + 20n },
    { name: 'imported' },
  ]);

  test('names, types and order', () => {
    assert.deepEqual(
      table.entries.map((e) => `${e.address - TEXT} ${e.type} ${e.name}`),
      [
        '4 t first',
        '8 t common/kernel.c#same',
        '12 t arch/x86/mm.c#same',
        '16 T shown',
        '16 t arch/x86/mm.c#alias',
        '20 W weak',
        '63 A _etext',
        '64 r common/kernel.c#ro',
        '80 D data',
        '96 B zero',
      ],
    );
  });

  test('lookup by name', () => {
    assert.equal(table.lookup('common/kernel.c#same'), TEXT + 8n);
    assert.equal(table.lookup('arch/x86/mm.c#same'), TEXT + 12n);
    assert.equal(table.lookup('shown'), TEXT + 16n);
    for (const absent of ['', 'same', 'imported', '$a', 'absolute', 'toString', 'shown ']) {
      assert.equal(table.lookup(absent), null, absent);
    }
  });

  test('lookup by address', () => {
    assert.deepEqual(
      table.at(TEXT + 16n).map((e) => e.name),
      ['shown', 'arch/x86/mm.c#alias'],
    );
    assert.deepEqual(table.at(TEXT + 17n), []);
    const owner = table.ownerOf(TEXT + 19n);
    assert.deepEqual([owner?.symbol.name, owner?.offset], ['shown', 3n]);
    assert.equal(table.ownerOf(TEXT + 3n), null);
    assert.equal(table.ownerOf(TEXT + 1000n)?.symbol.name, 'zero');
  });
});

test('of equal names the first by address is found, or the one that bisection meets', () => {
  const entry = (name: string, address: bigint, type = 't') => ({ name, address, type, size: 0n });
  const entries = [entry('dup', 1n), entry('dup', 2n), entry('dup', 3n), entry('a', 4n)];
  assert.equal(createSymbolTable(entries).lookup('dup'), 1n);
  // Sorted: a dup dup dup symbols_sorted_offsets; the middle one is the second dup.
  const fast = createSymbolTable([...entries, entry('symbols_sorted_offsets', 5n)]);
  assert.equal(fast.lookup('dup'), 2n);
  assert.equal(fast.lookup('a'), 4n);
  assert.deepEqual(['dup', 'a', 'b'].map(fast.addressesOf), [[1n, 2n, 3n], [4n], []]);
});

describe('/proc/xen/xensyms', () => {
  test('is the same table', () => {
    const table = readXensyms(
      'ffff82d040200000 T _start\nffff82d040200010 t common/a.c#f\nffff82d040200010 T g\n',
    );
    assert.deepEqual(
      table.entries.map((e) => [e.name, e.type, e.address - TEXT]),
      [
        ['_start', 'T', 0n],
        ['common/a.c#f', 't', 16n],
        ['g', 'T', 16n],
      ],
    );
    assert.equal(table.lookup('common/a.c#f'), TEXT + 16n);
    assert.deepEqual(readXensyms('').entries, []);
  });

  for (const bad of [
    'ffff82d040200000 T',
    'hello',
    'ffff82d04020000012 T x',
    'ffff82d040200000  T x',
  ]) {
    test(`${JSON.stringify(bad)} is refused`, () => {
      assert.throws(
        () => readXensyms(`ffff82d040200000 T ok\n${bad}\n`),
        (error) => {
          assert.ok(error instanceof XspliceError);
          assert.match(error.message, /^Line 2: expected 'ADDRESS type name', found /);
          return true;
        },
      );
    });
  }
});
