import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { R_X86_64, SHF, SHN, STT } from '../../core/elf/constants.js';
import { claimsOf } from '../../core/hazards/index.js';
import { createSymbolTable, type SymbolTable } from '../../core/image/index.js';
import { inputFile, readInputs } from '../../core/payload/index.js';
import { upload } from '../../core/verify/index.js';
import { hexBytes } from '../support/elf-builder.js';
import type { PayloadSpec } from '../support/payload-builder.js';
import {
  addressOf,
  FUNCTIONS,
  plainFunction,
  TEXT,
  type TinyFunction,
  tinyModel,
  tinyPayload,
  verdictLine,
} from '../support/tiny-model.js';

const ENDBR = hexBytes('f3 0f 1e fa 55 5d c3');
/** As many functions that begin with ENDBR64 as a Xen built for CET-IBT has at least. */
const IBT: readonly TinyFunction[] = [
  ...FUNCTIONS,
  ...Array.from({ length: 64 }, (_, i) => ({
    ...{ name: `handler_${i}`, offset: 0x400 + i * 16, code: ENDBR },
  })),
];

function table(functions: readonly TinyFunction[]): SymbolTable {
  const entries = functions.map(({ name, offset, code }) => ({
    name: name === 'other_fn' ? 'common/x.c#other_fn' : name,
    ...{ address: TEXT + BigInt(offset), type: 'T', size: BigInt(code.length) },
  }));
  const data = { name: 'some_data', address: TEXT + 0x400000n, type: 'D', size: 16n };
  return createSymbolTable([...entries, data].sort((a, b) => (a.address < b.address ? -1 : 1)));
}

/** What is wrong in the claims of this payload on a tiny Xen: its messages. */
function claims(spec: PayloadSpec, functions = FUNCTIONS): readonly string[] {
  const [input] = readInputs([inputFile('p.livepatch', tinyPayload(spec))]).payloads;
  assert.ok(input);
  const answer = upload(tinyModel('4.17.7', { functions }), 'p', input.input.bytes);
  assert.equal(verdictLine(answer), 'accepted');
  return claimsOf(input, answer.model, table(functions)).map(
    ({ code, message }) => `${code} ${message}`,
  );
}

describe('the name of a function and its old_addr', () => {
  it('may be of two functions (case 06): Xen believes the address', () => {
    const spec = { functions: [plainFunction({ oldAddress: addressOf('other_fn') })] };
    assert.deepEqual(claims(spec), [
      'old-address-of-another p.livepatch: a function is named plain_fn, but its old_addr 0xffff82d040200140 is common/x.c#other_fn',
    ]);
  });

  it('agree where the address is that of the name, with its file or without', () => {
    for (const name of [
      'other_fn',
      'common/x.c#other_fn',
      'other_fn.part.0',
      'my own word for it',
    ]) {
      const func = { name, newAddress: 'new_code', oldAddress: addressOf('other_fn') };
      assert.deepEqual(claims({ functions: [func] }), [], name);
    }
    assert.deepEqual(claims({}), []);
  });
});

describe('an absolute symbol', () => {
  const absolute = (name: string, value: bigint) =>
    claims({ extraSymbols: [{ name, value, section: SHN.ABS }] });

  it('is compared with what the image has', () => {
    assert.deepEqual(absolute('plain_fn', addressOf('other_fn')), [
      'absolute-symbol-differs p.livepatch: gives plain_fn the address 0xffff82d040200140, where common/x.c#other_fn is; this Xen has it at 0xffff82d040200100',
    ]);
  });

  it('is right at its address, and its own business where Xen has no such name', () => {
    assert.deepEqual(absolute('plain_fn', addressOf('plain_fn')), []);
    assert.deepEqual(absolute('of_my_own', 0x1234n), []);
  });
});

describe('a symbol of Xen that a payload uses', () => {
  const code = hexBytes('e8 00000000 8b 05 00000000 0f 84 00000000 c3');
  const uses = (
    name: string,
    how: { readonly offset?: bigint; readonly type?: number; readonly size?: bigint },
  ) =>
    claims({
      extraSections: [{ name: '.text.user', flags: SHF.ALLOC | SHF.EXECINSTR, data: code }],
      extraSymbols: [
        { name, section: SHN.UNDEF, type: how.type ?? STT.NOTYPE, size: how.size ?? 0n },
      ],
      extraRelocations: [
        {
          ...{ section: '.text.user', offset: how.offset ?? 7n, type: R_X86_64.PC32 },
          ...{ symbol: name, addend: -4n },
        },
      ],
    });
  const said = (text: string) => [`import-differs p.livepatch: ${text}`];

  it('is code where it is called, jumped to or typed so', () => {
    const isData = 'in this Xen some_data is data';
    assert.deepEqual(uses('some_data', { offset: 1n }), said(`calls some_data; ${isData}`));
    assert.deepEqual(uses('some_data', { offset: 13n }), said(`calls some_data; ${isData}`));
    const typed = uses('some_data', { type: STT.FUNC });
    assert.deepEqual(typed, said(`takes some_data for a function; ${isData}`));
    assert.deepEqual(uses('plain_fn', { offset: 1n, type: STT.FUNC }), []);
  });

  it('is data where it is typed so', () => {
    const typed = uses('plain_fn', { type: STT.OBJECT });
    assert.deepEqual(typed, said('takes plain_fn for data; in this Xen plain_fn is code'));
    assert.deepEqual(uses('some_data', { type: STT.OBJECT }), []);
  });

  it('is of the size that the payload states, if it states one', () => {
    const larger = uses('some_data', { type: STT.OBJECT, size: 24n });
    assert.deepEqual(
      larger,
      said('takes some_data to have 24 bytes; in this Xen some_data is 16 bytes long'),
    );
    assert.deepEqual(uses('some_data', { type: STT.OBJECT, size: 16n }), []);
  });

  it('is anything where it is only named', () => {
    assert.deepEqual(uses('some_data', {}), []);
    assert.deepEqual(uses('plain_fn', {}), []);
  });
});

describe('code that is called by pointer, on a Xen built for CET-IBT', () => {
  const hook = (code: Uint8Array): PayloadSpec => ({
    hooks: { preapply: ['on_preapply'] },
    extraSections: [{ name: '.text.hook', flags: SHF.ALLOC | SHF.EXECINSTR, data: code }],
    extraSymbols: [
      {
        name: 'on_preapply',
        section: '.text.hook',
        type: 2,
        size: BigInt(code.length),
        binding: 0,
      },
    ],
  });
  const plain = hexBytes('31 c0 c3');

  it('has to begin with ENDBR64: a hook', () => {
    assert.deepEqual(claims(hook(plain), IBT), [
      'endbr-missing p.livepatch: called by pointer, without ENDBR64 at the start: on_preapply; where CET-IBT is on, the host dies of it',
    ]);
    assert.deepEqual(claims(hook(ENDBR), IBT), []);
  });

  it('is of no concern on another Xen', () => {
    assert.deepEqual(claims(hook(plain)), []);
  });

  it('is not the new code itself: Xen jumps there', () => {
    assert.deepEqual(claims({}, IBT), []);
  });

  it('has to begin with ENDBR64: what a table of pointers names, or a lea takes', () => {
    const of = (more: PayloadSpec) => claims({ ...hook(ENDBR), hooks: {}, ...more }, IBT);
    const callee = {
      extraSections: [
        { name: '.text.callee', flags: SHF.ALLOC | SHF.EXECINSTR, data: plain },
        {
          name: '.text.caller',
          flags: SHF.ALLOC | SHF.EXECINSTR,
          data: hexBytes('48 8d 05 00000000 e8 00000000 c3'),
        },
        { name: '.data.rel.ro', flags: SHF.ALLOC, data: new Uint8Array(8) },
      ],
      extraSymbols: [{ name: 'callee', section: '.text.callee', type: 2, size: 3n, binding: 0 }],
    };
    const link = (section: string, offset: bigint, type: number, addend: bigint) => ({
      ...callee,
      extraRelocations: [{ section, offset, type, symbol: 'callee', addend }],
    });
    assert.match(of(link('.data.rel.ro', 0n, 1, 0n)).join(), /^endbr-missing .*: callee;/);
    assert.match(of(link('.text.caller', 3n, 2, -4n)).join(), /^endbr-missing .*: callee;/);
    // Of Xen: one without ENDBR64, and one with.
    const ofXen = (name: string) =>
      of({
        extraSections: [{ name: '.data.rel.ro', flags: SHF.ALLOC, data: new Uint8Array(8) }],
        extraSymbols: [{ name, section: SHN.UNDEF, type: STT.NOTYPE }],
        extraRelocations: [
          { section: '.data.rel.ro', offset: 0n, type: R_X86_64[64], symbol: name, addend: 0n },
        ],
      });
    assert.match(
      ofXen('plain_fn').join(),
      /^endbr-missing .*: takes the address of functions of Xen that do not begin with ENDBR64: plain_fn;/,
    );
    assert.deepEqual(ofXen('endbr_fn'), []);
    // A call is no pointer.
    assert.deepEqual(of(link('.text.caller', 8n, 2, -4n)), []);
    // Into the middle of a function: a jump table.
    assert.match(of(link('.data.rel.ro', 0n, 1, 2n)).join(), /^jump-table .*: callee;/);
  });
});
