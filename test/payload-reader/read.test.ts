import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIVEPATCH_MAX_SIZE } from '../../core/abi/livepatch.js';
import { R_X86_64 } from '../../core/elf/constants.js';
import { EM, ET, SHF, SHT, STB, STT } from '../../core/elf/index.js';
import { XspliceError } from '../../core/findings/index.js';
import { type Payload, type Pointer, readPayload } from '../../core/payload/index.js';
import { planPayloadOf } from '../../core/payload/plan-payload.js';
import { buildElf, buildIdNote, buildNote } from '../support/elf-builder.js';
import { buildPayload, idBytes, type PayloadSpec } from '../support/payload-builder.js';

const read = (spec: PayloadSpec): Payload => readPayload(buildPayload(spec), 'x.livepatch');
const codes = (payload: Payload) => payload.findings.map((f) => `${f.severity} ${f.code}`);
const symbol = (name: string, addend = 0n): Pointer => ({ kind: 'symbol', symbol: name, addend });

const one: PayloadSpec = { functions: [{ name: 'xen_fn' }] };

describe('readPayload', () => {
  it('reads a plain payload without a finding', () => {
    const payload = read(one);
    assert.deepEqual(payload.findings, []);
    assert.equal(payload.file, 'x.livepatch');
    assert.equal(payload.machine, 'x86-64');
    assert.equal(payload.version, 2);
    assert.equal(payload.buildId.status === 'present' && payload.buildId.id, '11'.repeat(20));
    assert.equal(payload.depends.status === 'present' && payload.depends.id, '22'.repeat(20));
    assert.equal(payload.xenDepends.status === 'present' && payload.xenDepends.id, '33'.repeat(20));
    assert.deepEqual(payload.functions, [
      {
        name: 'xen_fn',
        oldAddress: { kind: 'null' },
        newAddress: symbol('new_xen_fn'),
        oldSize: 32,
        newSize: 16,
        version: 2,
        expectation: { enabled: false, len: 0, rsv: 0, data: new Uint8Array(31) },
        isNop: false,
      },
    ]);
    assert.deepEqual(payload.relocations, [{ type: 'R_X86_64_64', count: 2 }]);
    assert.deepEqual(
      payload.definitions.map((s) => s.name),
      ['strings', 'new_xen_fn'],
    );
    assert.deepEqual(payload.imports, []);
    assert.equal(payload.safeToReapply, true);
    assert.equal(payload.hasSignature, false);
  });

  it('says where an id is in the file', () => {
    const bytes = buildPayload(one);
    const { depends } = readPayload(bytes, 'x');
    assert.ok(depends.status === 'present');
    const at = Number(depends.offset);
    assert.deepEqual(bytes.subarray(at, at + 20), idBytes(0x22));
  });

  it('keeps addresses exact to the last bit', () => {
    const { functions } = read({
      functions: [{ name: 'a', oldAddress: 0xffff82d040234b21n, oldSize: 0xffffffff }],
    });
    assert.deepEqual(functions[0]?.oldAddress, { kind: 'value', value: 0xffff82d040234b21n });
    assert.equal(functions[0]?.oldSize, 0xffffffff);
  });

  it('tells by-name, by-symbol and NOP functions apart', () => {
    const { functions, imports } = read({
      functions: [
        { name: 'by_symbol', oldAddress: 'xen_symbol' },
        { name: 'nop', newAddress: null },
      ],
      extraSymbols: [{ name: 'xen_symbol' }],
    });
    assert.deepEqual(functions[0]?.oldAddress, symbol('xen_symbol'));
    assert.deepEqual(
      functions.map((f) => f.isNop),
      [false, true],
    );
    assert.deepEqual(
      imports.map((s) => s.name),
      ['xen_symbol'],
    );
  });

  it('names the function behind a relocation against a section', () => {
    const text = { name: '.text', section: '.text', type: STT.SECTION, binding: STB.LOCAL };
    const at = (addend: bigint) =>
      read({
        functions: [{ name: 'a' }, { name: 'b', newAddress: null }],
        extraSymbols: [text],
        extraRelocations: [
          {
            section: '.livepatch.funcs',
            offset: 112n,
            type: R_X86_64[64],
            symbol: '.text',
            addend,
          },
        ],
      }).functions[1]?.newAddress;
    assert.deepEqual(at(0n), symbol('new_a'));
    assert.deepEqual(at(3n), symbol('.text', 3n));
  });

  it('reads expectations bit by bit', () => {
    const expect = Uint8Array.of(0b01_00111_1, 1, 2, 3, 4, 5, 6, 7);
    const expectation = read({ functions: [{ name: 'a', expect }] }).functions[0]?.expectation;
    assert.deepEqual([expectation?.enabled, expectation?.len, expectation?.rsv], [true, 7, 1]);
    assert.deepEqual(expectation?.data.subarray(0, 8), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0));
  });

  it('reads version 1, which has no expectation and needs no hypervisor id', () => {
    const payload = read({
      version: 1,
      functions: [{ name: 'a' }, { name: 'b' }],
      xenDepends: null,
    });
    assert.equal(payload.version, 1);
    assert.deepEqual(
      payload.functions.map((f) => [f.name, f.version, f.expectation]),
      [
        ['a', 1, null],
        ['b', 1, null],
      ],
    );
    assert.deepEqual(codes(payload), ['note missing-note']);
  });

  it('reads arm64', () => {
    const payload = read({ ...one, machine: EM.AARCH64, hooks: { load: ['on_load'] } });
    assert.equal(payload.machine, 'arm64');
    assert.deepEqual(payload.functions[0]?.newAddress, symbol('new_xen_fn'));
    assert.deepEqual(payload.relocations, [{ type: 'R_AARCH64_ABS64', count: 3 }]);
    assert.deepEqual(payload.findings, []);
  });

  it('reads hooks in the order of their kinds, and knows which veto REPLACE', () => {
    const payload = read({
      hooks: { postrevert: ['d'], load: ['a', 'b'], apply: ['c'], preapply: ['e'] },
    });
    assert.deepEqual(payload.hooks, [
      { kind: 'load', targets: [symbol('a'), symbol('b')] },
      { kind: 'preapply', targets: [symbol('e')] },
      { kind: 'apply', targets: [symbol('c')] },
      { kind: 'postrevert', targets: [symbol('d')] },
    ]);
    assert.deepEqual(payload.vetoingHooks, ['preapply', 'postrevert']);
    assert.equal(payload.version, null);
    assert.deepEqual(payload.findings, []);
  });

  it('does not count a null pointer as a vetoing hook', () => {
    const section = '.livepatch.hooks.preapply';
    const payload = read({
      ...one,
      extraSections: [{ name: section, flags: SHF.ALLOC, data: new Uint8Array(8) }],
    });
    assert.deepEqual(payload.hooks, [{ kind: 'preapply', targets: [{ kind: 'null' }] }]);
    assert.deepEqual(payload.vetoingHooks, []);
  });

  it('reads metadata with blanks, escapes, several = and none', () => {
    const modinfo = Buffer.from('a=1\0\0b=x = y\0flag\0c=\x1b[31m\xff\0', 'latin1');
    const payload = read({ ...one, modinfo });
    assert.deepEqual(payload.metadata, [
      { key: 'a', value: '1' },
      { key: 'b', value: 'x = y' },
      { key: 'flag', value: null },
      { key: 'c', value: '\x1b[31m\u00ff' },
    ]);
    assert.deepEqual(payload.findings, []);
  });

  it('sees a signature behind the file', () => {
    const mark = Buffer.from('~Module signature appended~\n', 'latin1');
    const signed = Buffer.concat([buildPayload(one), new Uint8Array(64), mark]);
    assert.equal(readPayload(signed, 'x').hasSignature, true);
    assert.equal(readPayload(Buffer.concat([signed, mark.subarray(1)]), 'x').hasSignature, false);
  });

  const section = (name: string, flags: bigint, size: number, type: number = SHT.PROGBITS) =>
    type === SHT.NOBITS
      ? { name, flags, type, size: BigInt(size) }
      : { name, flags, type, data: new Uint8Array(size) };
  const rw = SHF.ALLOC | SHF.WRITE;
  const reapply: readonly [string, PayloadSpec, boolean][] = [
    ['only functions are writable', one, true],
    ['data beside them', { ...one, extraSections: [section('.data', rw, 8)] }, false],
    [
      'data and no functions',
      { hooks: { load: ['f'] }, extraSections: [section('.data', rw, 8)] },
      false,
    ],
    ['empty data', { ...one, extraSections: [section('.data', rw, 0)] }, true],
    ['.bss', { ...one, extraSections: [section('.bss', rw, 8, SHT.NOBITS)] }, false],
    ['writable but not loaded', { ...one, extraSections: [section('.x', SHF.WRITE, 8)] }, true],
    [
      'a second writable .livepatch.funcs',
      { ...one, extraSections: [section('.livepatch.funcs', rw, 104)] },
      false,
    ],
    ['nothing writable', { hooks: { load: ['f'] } }, true],
  ];
  for (const [name, spec, expected] of reapply) {
    it(`re-apply: ${name}: ${expected}`, () => {
      assert.equal(read(spec).safeToReapply, expected);
    });
  }

  const long = buildIdNote(idBytes(7, 65));
  const lying = buildIdNote(idBytes(7));
  new DataView(lying.buffer).setUint32(4, 0xffffffff, true);
  const ids: readonly [string, Uint8Array | null, Payload['buildId']['status'], string[]][] = [
    ['16 bytes', buildIdNote(idBytes(7, 16)), 'present', []],
    ['1 byte', buildIdNote(idBytes(7, 1)), 'present', []],
    ['1 byte without padding', buildIdNote(idBytes(7, 1)).subarray(0, 17), 'present', []],
    ['64 bytes', buildIdNote(idBytes(7, 64)), 'present', []],
    ['65 bytes', long, 'present', ['warning oversized-id']],
    ['no section', null, 'absent', ['error missing-note']],
    ['no bytes', new Uint8Array(), 'empty', ['error empty-note']],
    ['no id', buildIdNote(new Uint8Array()), 'empty', ['error empty-note']],
    ['a size near 2^32', lying, 'malformed', ['error malformed-note']],
    ['eleven bytes', new Uint8Array(11), 'malformed', ['error malformed-note']],
    ['another type', buildNote('GNU', 1, idBytes(7)), 'malformed', ['error malformed-note']],
    ['another owner', buildNote('Xen', 3, idBytes(7)), 'malformed', ['error malformed-note']],
    [
      'the id in the second note only',
      Buffer.concat([buildNote('GNU', 5, idBytes(9)), buildIdNote(idBytes(7))]),
      'malformed',
      ['error malformed-note'],
    ],
    [
      'a second note',
      Buffer.concat([buildIdNote(idBytes(7)), buildIdNote(idBytes(9))]),
      'present',
      ['note extra-notes'],
    ],
  ];
  for (const [name, data, status, expected] of ids) {
    for (const field of ['buildId', 'depends', 'xenDepends'] as const) {
      it(`${field} with ${name} is ${status}`, () => {
        const payload = read({ ...one, [field]: data });
        assert.equal(payload[field].status, status);
        assert.deepEqual(codes(payload), expected);
        assert.ok(payload.findings.every((f) => f.file === 'x.livepatch' && f.section !== ''));
        const id = planPayloadOf(payload, '')[field];
        if (status === 'present') assert.match(id ?? '', /^(07)+$/);
        else assert.equal(id, null);
      });
    }
  }

  const alloc = { flags: SHF.ALLOC };
  const faults: readonly [string, PayloadSpec, string[]][] = [
    [
      'an id section that is not loaded',
      {
        ...one,
        depends: null,
        extraSections: [{ name: '.livepatch.depends', data: lying.slice(0, 36) }],
      },
      ['error section-not-loaded', 'error malformed-note'],
    ],
    [
      'an id section twice',
      { ...one, extraSections: [{ name: '.livepatch.depends', ...alloc, data: long }] },
      ['error duplicate-section'],
    ],
    [
      'functions of an odd size',
      { extraSections: [{ name: '.livepatch.funcs', ...alloc, data: new Uint8Array(105) }] },
      [
        'error payload-bad-functions',
        'error payload-no-function-name',
        'error payload-wrong-version',
      ],
    ],
    ['no function at all', { functions: [] }, ['error payload-bad-functions']],
    [
      'a function of another version',
      { functions: [{ name: 'a', version: 3 }] },
      ['error payload-wrong-version'],
    ],
    [
      'a function without a name',
      { functions: [{ name: null }] },
      ['error payload-no-function-name'],
    ],
    [
      'a single hook with two pointers',
      { hooks: { apply: ['a', 'b'] } },
      ['error payload-bad-hook'],
    ],
    ['a hook with none', { hooks: { load: [] } }, ['error payload-bad-hook']],
    [
      'metadata without a NUL',
      { ...one, modinfo: Buffer.from('a=1') },
      ['error payload-bad-metadata'],
    ],
    ['empty metadata', { ...one, modinfo: new Uint8Array() }, ['error payload-bad-metadata']],
    ['nothing to patch', {}, ['error nothing-to-patch']],
    ['another machine', { ...one, machine: EM.ARM }, ['error payload-wrong-machine']],
    ['another type', { ...one, elf: { type: 0xfe00 } }, ['error payload-wrong-type']],
    [
      '2 MiB and more',
      { ...one, extraSections: [{ name: '.debug', data: new Uint8Array(LIVEPATCH_MAX_SIZE) }] },
      ['error payload-too-large'],
    ],
    [
      'functions without contents in the file',
      { extraSections: [{ name: '.livepatch.funcs', ...alloc, type: SHT.NOBITS, size: 104n }] },
      ['error payload-bad-functions'],
    ],
  ];
  for (const [name, spec, expected] of faults) {
    it(`finds ${name}, and shows the rest`, () => {
      const payload = read(spec);
      assert.deepEqual(codes(payload), expected);
      assert.equal(payload.buildId.status, 'present');
      assert.ok(payload.findings.every((f) => f.message !== '' && f.file === 'x.livepatch'));
    });
  }

  it('has nothing against a function without a name that gives its address (xen_nop)', () => {
    const functions = [{ name: null, oldAddress: 0xffff82d040200000n, newAddress: null }];
    assert.deepEqual(codes(read({ functions })), []);
  });

  it('shows the ids of a payload whose symbols and relocations are gone', () => {
    const bytes = buildElf({
      symbolTable: false,
      sections: [
        { name: '.livepatch.depends', ...alloc, data: buildIdNote(idBytes(1)) },
        {
          name: '.rela.livepatch.funcs',
          type: SHT.RELA,
          data: new Uint8Array(24),
          entrySize: 24,
          link: 9,
        },
      ],
    });
    const payload = readPayload(bytes, 'x');
    assert.equal(payload.depends.status, 'present');
    assert.ok(codes(payload).includes('error payload-no-symbols'));
    assert.ok(codes(payload).includes('error payload-bad-relocations'));
  });

  const empty = { sections: [] };
  const others: readonly [string, Uint8Array, string, RegExp][] = [
    ['no bytes', new Uint8Array(), 'elf-not-elf', /an empty file/],
    ['text', Buffer.from('#!/bin/sh\n'), 'elf-not-elf', /23 21 2f 62/],
    ['half a header', buildPayload(one).subarray(0, 40), 'elf-truncated', /40 bytes/],
    [
      'an executable',
      buildElf({ ...empty, type: ET.EXEC }),
      'not-a-payload',
      /type EXEC for x86-64/,
    ],
    ['a library', buildElf({ ...empty, type: ET.DYN }), 'not-a-payload', /type DYN/],
    [
      'an object file',
      buildElf({ sections: [{ name: '.text' }] }),
      'not-a-payload',
      /without live-patch sections/,
    ],
    ['33 MB', new Uint8Array(33_600_000), 'payload-too-large', /33600000 bytes/],
  ];
  for (const [name, bytes, code, message] of others) {
    it(`refuses ${name} as ${code}`, () => {
      assert.throws(
        () => readPayload(bytes, 'some file'),
        (error: unknown) => {
          assert.ok(error instanceof XspliceError);
          assert.equal(error.code, code);
          assert.match(error.message, message);
          assert.match(error.message, /^some file: /);
          assert.deepEqual(
            error.findings.map((f) => [f.code, f.severity, f.file]),
            [[code, 'error', 'some file']],
          );
          return true;
        },
      );
    });
  }
});
