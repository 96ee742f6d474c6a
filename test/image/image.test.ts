import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ET, SHF, SHT } from '../../core/elf/constants.js';
import { ElfError } from '../../core/elf/errors.js';
import { looksLikeElf } from '../../core/elf/file.js';
import { CATALOGUE, XspliceError } from '../../core/findings/index.js';
import { findEmbeddedTable } from '../../core/image/embedded-table.js';
import { MAX_IMAGE_SIZE, readImage } from '../../core/image/image.js';
import { readMemory } from '../../core/image/memory.js';
import { readXensyms } from '../../core/image/xensyms.js';
import { withFields } from '../support/bytes.js';
import { cpuMs } from '../support/cpu-time.js';
import { buildElf, buildIdNote, hexBytes } from '../support/elf-builder.js';
import { payloadLikeElf } from '../support/fixtures.js';
import {
  efiImage,
  elf32Image,
  gzImage,
  LOAD_BASE,
  loadedBytes,
  tableEntries,
  VIRT_START,
} from '../support/image-builder.js';
import { realInputs } from '../support/readelf.js';

const ID = '151b373fd64b321593bf987fd923cd10dabadac4';
const GUID = 'c62e97bfb7156a842127d5c9d7bbced1';
const NOTE_SIZE = 36;
const loaded = loadedBytes(hexBytes(ID));

describe('stripped images tell ids, version, symbols and memory', () => {
  const note = { source: 'note', id: ID };
  const codeview = { source: 'codeview', id: GUID };
  const compact = loadedBytes(hexBytes(ID), { tokenAlign: 1, ends: [LOAD_BASE + 0x4a] });
  const cases = [
    { name: 'gz', kind: 'xen-gz', bytes: gzImage(loaded, NOTE_SIZE), ids: [note] },
    { name: 'ELF32', kind: 'xen-elf32', bytes: elf32Image(loaded, NOTE_SIZE), ids: [note] },
    {
      name: 'table of 4.21',
      kind: 'xen-elf32',
      bytes: elf32Image(compact, NOTE_SIZE),
      ids: [note],
    },
    { name: 'EFI', kind: 'xen-efi', bytes: efiImage(loaded, hexBytes(GUID)), ids: [codeview] },
  ];
  for (const { name, kind, bytes, ids } of cases) {
    test(name, () => {
      const image = readImage(bytes, 'xen');
      assert.equal(image.kind, kind);
      assert.deepEqual(image.buildIds, ids);
      assert.deepEqual(image.release, { major: 4, minor: 17, patch: 7 });
      assert.equal(image.version, '4.17.7');
      assert.equal(image.symbolSource, 'embedded');
      assert.deepEqual(
        image.symbols?.entries.map((e) => [e.name, e.type, e.address]),
        tableEntries.map((e) => [e.name, e.type, VIRT_START + BigInt(e.offset)]),
      );
      assert.deepEqual(
        Buffer.from(readMemory(image.memory, VIRT_START + BigInt(LOAD_BASE), 0x400) ?? []),
        Buffer.from(loaded.subarray(0, 0x400)),
      );
      assert.deepEqual(image.findings, []);
    });
  }

  test('sections that only a loader reads are no memory', () => {
    const { memory } = readImage(efiImage(loaded, hexBytes(GUID)), 'xen.efi');
    assert.deepEqual(
      memory.map(({ address }) => address - VIRT_START),
      [BigInt(LOAD_BASE), BigInt(LOAD_BASE + 0x200000)],
    );
  });

  test('the entries of 4.21 that end functions become sizes', () => {
    const image = readImage(elf32Image(compact, NOTE_SIZE), 'xen');
    assert.equal(image.symbols?.entries.find((e) => e.name === 'xen_major_version')?.size, 10n);
  });

  test('an image linked for the older start of Xen', () => {
    const old = 0xffff82d0_80000000n;
    const image = readImage(
      elf32Image(loadedBytes(hexBytes(ID), { tokenAlign: 4 }, old), NOTE_SIZE),
      'xen',
    );
    assert.equal(image.symbols?.lookup('_start'), old + BigInt(LOAD_BASE));
  });

  test('an address that cannot be told is a finding, not a guess', () => {
    const image = readImage(
      elf32Image(loadedBytes(hexBytes(ID), { tokenAlign: 4 }, 0n), NOTE_SIZE),
      'xen',
    );
    assert.deepEqual(image.memory, []);
    assert.equal(image.symbols, null);
    assert.equal(image.release, null);
    assert.deepEqual(
      image.findings.map((f) => f.code),
      ['image-address-unknown', 'image-no-symbols'],
    );
  });

  test('memory past the file is zero, and ends', () => {
    const { memory } = readImage(elf32Image(loaded, NOTE_SIZE), 'xen');
    const end = VIRT_START + BigInt(LOAD_BASE + loaded.length);
    assert.deepEqual(readMemory(memory, end, 16), new Uint8Array(16));
    assert.deepEqual(readMemory(memory, end + 0xff0n, 16), new Uint8Array(16));
    assert.equal(readMemory(memory, end + 0xff1n, 16), null);
  });
});

describe('version functions of other shapes', () => {
  const cases: readonly (readonly [string, number, string, string | null, number | null])[] = [
    ['no return after the constant', 0x49, '90', null, null],
    ['an extra version without NUL', 0x70, '41'.repeat(16), null, null],
    ['an extra version with control characters', 0x70, '1b5b00', null, null],
    ['a release candidate', 0x70, '2d72633100', '4.17-rc1', null],
  ];
  for (const [name, at, hex, version, patch] of cases) {
    test(name, () => {
      const bytes = Uint8Array.from(loaded);
      bytes.set(hexBytes(hex), at);
      const image = readImage(elf32Image(bytes, NOTE_SIZE), 'xen');
      assert.equal(image.version, version);
      assert.equal(image.release?.patch ?? null, patch);
    });
  }
});

describe('build-ids', () => {
  const imageWith = (sections: Parameters<typeof buildElf>[0]['sections']) =>
    readImage(buildElf({ type: ET.EXEC, sections, symbolTable: false }), 'xen-syms');
  const noteSection = (data: Uint8Array) => ({
    name: '.note.gnu.build-id',
    type: SHT.NOTE,
    flags: SHF.ALLOC,
    data,
    align: 4,
  });

  test('absent, empty and invalid are three results', () => {
    const codes = (data: Uint8Array | null) =>
      imageWith(data === null ? [] : [noteSection(data)])
        .findings.filter((f) => f.severity === 'error')
        .map((f) => f.code);
    assert.deepEqual(codes(null), ['image-no-build-id']);
    assert.deepEqual(codes(new Uint8Array()), ['image-no-build-id']);
    assert.deepEqual(codes(hexBytes('04000000 14000000 03000000 474e5500 00')), ['image-bad-note']);
    assert.deepEqual(codes(buildIdNote(hexBytes('01'))), []);
  });

  for (const size of [1, 8, 16, 20, 32, 255]) {
    test(`${size} bytes`, () => {
      const id = new Uint8Array(size).fill(0xa5);
      assert.deepEqual(imageWith([noteSection(buildIdNote(id))]).buildIds, [
        { source: 'note', id: 'a5'.repeat(size) },
      ]);
    });
  }
});

describe('files that are no images', () => {
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['empty', new Uint8Array(), /found an empty file/],
    ['text', Buffer.from('hello'), /begins with the bytes 68656c6c/],
    ['a payload', payloadLikeElf(), /found a live-patch payload/],
    ['an object', buildElf({ sections: [] }), /found an object file/],
    ['a shared object', buildElf({ type: ET.DYN, sections: [] }), /type DYN/],
    ['another machine', buildElf({ type: ET.EXEC, machine: 243, sections: [] }), /machine 0xf3/],
    ['gzipped text', gzipSync(Buffer.from('hello')), /holds no ELF file/],
    ['too large', new Uint8Array(MAX_IMAGE_SIZE + 1), /at most 67108864 bytes, found 67108865/],
  ];
  for (const [name, bytes, message] of cases) {
    test(name, () => {
      assert.throws(
        () => readImage(bytes, 'the-file'),
        (error) => {
          assert.ok(error instanceof XspliceError);
          assert.equal(error.code, name === 'too large' ? 'image-too-large' : 'not-an-image');
          assert.match(error.message, message);
          assert.match(error.message, /^the-file: /);
          return true;
        },
      );
    });
  }

  test('a gzip that unpacks to too much, or is cut', () => {
    const bomb = gzipSync(new Uint8Array(MAX_IMAGE_SIZE + 1));
    const good = gzImage(loaded, NOTE_SIZE);
    for (const bytes of [bomb, good.subarray(0, good.length - 9), good.subarray(0, 3)]) {
      assert.throws(() => readImage(bytes, 'xen.gz'), {
        name: 'XspliceError',
        code: 'image-damaged',
      });
    }
  });

  test('damaged PE files fail with the field', () => {
    const efi = efiImage(loaded, hexBytes(GUID));
    const cases: readonly (readonly [Uint8Array, RegExp])[] = [
      [efi.subarray(0, 2), /e_lfanew/],
      [withFields(efi, [{ at: 0x3c, size: 4, value: 0xffff_ffffn }]), /PE signature/],
      [withFields(efi, [{ at: 0x80, size: 4, value: 0n }]), /PE signature at offset 0x80/],
      [withFields(efi, [{ at: 0x98, size: 2, value: 0x10bn }]), /magic at offset 0x98/],
      [withFields(efi, [{ at: 0x86, size: 2, value: 97n }]), /NumberOfSections/],
      [withFields(efi, [{ at: 0x98 + 160, size: 4, value: 0x7fff_ffffn }]), /debug directory/],
      [efi.subarray(0, efi.length - 32), /Contents of \.buildid/],
    ];
    for (const [bytes, message] of cases) {
      assert.throws(
        () => readImage(bytes, 'xen.efi'),
        (error) => {
          assert.ok(error instanceof ElfError, String(error));
          assert.equal(error.code, 'image-damaged');
          assert.equal(error.hint, CATALOGUE['image-damaged'].mend);
          assert.match(error.message, message);
          return true;
        },
      );
    }
  });
});

test('bytes that look like the start of a table everywhere end the search', () => {
  const words = new Uint32Array(1 << 21);
  for (let i = 0; i < words.length; i++) words[i] = 256 + (i >> 4);
  const start = cpuMs();
  assert.equal(findEmbeddedTable(new Uint8Array(words.buffer), 0n), null);
  assert.ok(cpuMs() - start < 1000);
});

describe('real images agree with the map their build wrote', () => {
  const withMap = realInputs().filter((file) => existsSync(`${file}.map`));
  const skip = withMap.length === 0 && 'no file of XSPLICE_REAL_INPUTS has a .map beside it';
  test('entry by entry', { skip }, () => {
    for (const file of withMap) {
      const image = readImage(readFileSync(file), file);
      const map = readXensyms(readFileSync(`${file}.map`, 'latin1'));
      const lines = (entries: typeof map.entries) =>
        entries.map((e) => `${e.address.toString(16)} ${e.type} ${e.name}`);
      assert.ok(image.symbols);
      assert.deepEqual(lines(image.symbols.entries), lines(map.entries));
      assert.notEqual(image.version, null);
    }
  });
});

describe('real images of one build', () => {
  const images = realInputs().flatMap((file) => {
    const bytes = readFileSync(file);
    return looksLikeElf(bytes) || /\.(gz|efi)$/.test(file) ? [readImage(bytes, file)] : [];
  });
  const whole = images.filter((image) => image.symbolSource === 'symtab');
  const stripped = images.filter((image) => image.symbolSource === 'embedded');
  const pairs = whole.flatMap((a) =>
    stripped.filter((b) => b.buildIds[0]?.id === a.buildIds[0]?.id).map((b) => [a, b] as const),
  );
  const skip = pairs.length === 0 && 'XSPLICE_REAL_INPUTS names no xen-syms with its xen.gz';
  test("have the same symbols, out of .symtab and out of Xen's own table", { skip }, () => {
    for (const [a, b] of pairs) {
      const names = (image: typeof a) =>
        image.symbols?.entries.map((e) => `${e.address.toString(16)} ${e.type} ${e.name}`).sort();
      assert.deepEqual(names(a), names(b), `${a.file} and ${b.file}`);
      assert.equal(a.version, b.version);
      for (const { name } of a.symbols?.entries ?? []) {
        assert.equal(a.symbols?.lookup(name), b.symbols?.lookup(name), name);
      }
    }
  });
});
