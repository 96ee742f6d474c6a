import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHF } from '../../core/elf/constants.js';
import { CATALOGUE, type HazardCode } from '../../core/findings/index.js';
import { initSymbolAt } from '../../core/hazards/critical-code.js';
import { checkHazards, checkUnload } from '../../core/hazards/index.js';
import type { HazardContext } from '../../core/hazards/subject.js';
import { createSymbolTable, type XenSymbol } from '../../core/image/symbol-table.js';
import { apply, findPayload, type Model, revert, upload } from '../../core/verify/index.js';
import { hexBytes } from '../support/elf-builder.js';
import { idBytes, type PayloadSpec } from '../support/payload-builder.js';
import {
  addressOf,
  FUNCTIONS,
  NOWHERE,
  note,
  plainFunction,
  TEXT,
  type TinyFunction,
  tinyModel,
  tinyPayload,
  verdictLine,
  withSection,
  XEN_ID,
} from '../support/tiny-model.js';

const APPLY = { nodeps: true };

/** test/loop: `xor; inc; cmp; jne back to inc; ret`, with instruction ends at 2, 4, 7, 9 and 10. */
const LOOP: TinyFunction = {
  name: 'loop_fn',
  offset: 0x240,
  code: hexBytes('31 c0 ff c0 83 f8 09 75 f9 c3'),
};
/** `xor; mov $1, %eax; jmp *%rax; ret`: where the jump leads is not known. */
const SWITCH: TinyFunction = {
  name: 'switch_fn',
  offset: 0x260,
  code: hexBytes('31 c0 b8 01 00 00 00 ff e0 c3'),
};
/** `xor; ret`, and what an assembler fills the room up to the next function with. */
const PADDED: TinyFunction = {
  name: 'padded_fn',
  offset: 0x2e0,
  code: hexBytes(`31 c0 c3 66 90 0f 1f 40 00 cc ${'90 '.repeat(22)}`.trim()),
};
const GROUND: readonly TinyFunction[] = [
  ...FUNCTIONS.map((func) => ({ ...func, code: func.code.subarray(0, 32) })),
  LOOP,
  SWITCH,
  PADDED,
  ...[
    'check_for_livepatch_work',
    'arch/x86/livepatch.c#arch_livepatch_apply',
    'common/livepatch.c#livepatch_spin.part.0',
    'memcpy',
    'idle_loop',
    'lstar_enter',
    '__x86_return_thunk',
    'vmx_asm_vmexit_handler',
    'common/livepatch.c#prepare_payload',
    'x86_64/entry.S#process_trap',
    'int80_direct_trap',
    'start_vmx',
    'memcpy_from_guest',
  ].map((name, i) => ({ name, offset: 0x300 + i * 0x20, code: new Uint8Array(32).fill(0x90) })),
];

const DATA: XenSymbol = { name: 'some_data', address: TEXT + 0x400000n, type: 'D', size: 8n };

function symbolsOf(
  functions: readonly TinyFunction[],
  extra: readonly XenSymbol[] = [],
  sizes = true,
) {
  const entries = functions.map(({ name, offset, code }) => ({
    name,
    address: TEXT + BigInt(offset),
    type: name.includes('#') ? 't' : 'T',
    size: sizes ? BigInt(code.length) : 0n,
  }));
  return createSymbolTable(
    [...entries, DATA, ...extra].sort((a, b) => (a.address < b.address ? -1 : 1)),
  );
}

const CONTEXT: HazardContext = { symbols: symbolsOf(GROUND), imports: null, intent: 'apply' };

function unique(bytes: Uint8Array, index: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(Buffer.from(`string${index}`), Buffer.from(bytes).indexOf('strings\0'));
  return copy;
}

interface Loaded {
  readonly spec?: PayloadSpec;
  readonly bytes?: Uint8Array;
  readonly applied?: boolean;
}

/** The tiny hypervisor with these payloads, in this order: the last is the one to look at. */
function load(payloads: readonly Loaded[], release = '4.17.7'): Model {
  return payloads.reduce(
    (model, { spec, bytes, applied }, i) => {
      const file = bytes ?? tinyPayload({ buildId: note(idBytes(i + 1)), ...spec });
      const answer = upload(model, `p${i + 1}`, unique(file, i));
      assert.equal(verdictLine(answer), 'accepted');
      if (!applied) return answer.model;
      const done = apply(answer.model, `p${i + 1}`, APPLY);
      assert.equal(verdictLine(done), 'accepted');
      return done.model;
    },
    tinyModel(release, { functions: GROUND }),
  );
}

function hazardsOf(model: Model, context: Partial<HazardContext> = {}) {
  const payload = model.payloads.at(-1);
  assert.ok(payload);
  return checkHazards(model, payload, { ...CONTEXT, ...context });
}

const codes = (model: Model, context: Partial<HazardContext> = {}) =>
  hazardsOf(model, context).map(({ code }) => code);

/** One function entry: `plain_fn` with its real sizes unless told otherwise. */
const one = (override: Parameters<typeof plainFunction>[0]): PayloadSpec => ({
  functions: [plainFunction({ oldSize: 32, newSize: 16, ...override })],
});
const nop = (name: string, newSize: number, oldSize: number) =>
  one({ name, newAddress: null, newSize, oldSize });
const data = { name: '.data', flags: SHF.ALLOC | SHF.WRITE, data: Uint8Array.of(1) };

interface Case {
  readonly title: string;
  readonly model: Model;
  readonly expected: readonly HazardCode[];
  readonly message?: RegExp;
  readonly context?: Partial<HazardContext>;
}

const CASES: readonly Case[] = [
  {
    title: 'a jump that ends inside an instruction that nothing can lead to',
    model: load([{ spec: one({}) }]),
    expected: [],
  },
  {
    title: 'a jump that ends inside an instruction to which an indirect jump may lead',
    model: load([{ spec: one({ name: 'switch_fn', oldSize: 10 }) }]),
    expected: ['trampoline-splits-instruction'],
    message: /ends at 0x.*265, in the middle of mov .*, and jmp \*%rax at 0x.*267 may lead there/,
  },
  {
    title: 'NOPs that end inside an instruction',
    model: load([{ spec: nop('plain_fn', 5, 32) }]),
    expected: ['nop-splits-instruction'],
    message: /up to 0x.*105, in the middle of xor/,
  },
  {
    title: 'NOPs that end with an instruction',
    model: load([{ spec: nop('plain_fn', 6, 32) }]),
    expected: [],
  },
  {
    title: 'NOPs over the whole function',
    model: load([{ spec: nop('loop_fn', 10, 10) }]),
    expected: ['nop-falls-through'],
  },
  {
    title: 'NOPs over all but the padding, where the table has no sizes',
    model: load([{ spec: nop('padded_fn', 3, 32) }]),
    context: { symbols: symbolsOf(GROUND, [], false) },
    expected: ['nop-falls-through'],
  },
  {
    title: 'NOPs that leave the return before the padding, where the table has no sizes',
    model: load([{ spec: nop('padded_fn', 2, 32) }]),
    context: { symbols: symbolsOf(GROUND, [], false) },
    expected: [],
  },
  {
    title: 'a loop that leads into the jump',
    model: load([{ spec: one({ name: 'loop_fn', oldSize: 10 }) }]),
    expected: ['jump-into-patch'],
    message: /jne.* at 0x.*247 leads to 0x.*242/,
  },
  {
    title: 'a loop that leads into a NOP',
    model: load([{ spec: nop('loop_fn', 7, 10) }]),
    expected: ['jump-into-patch'],
  },
  {
    title: 'an applied patch below does not hide the original code',
    model: load([
      { spec: one({}), applied: true },
      { spec: { ...nop('plain_fn', 5, 32), depends: note(idBytes(1)) } },
    ]),
    expected: ['nop-splits-instruction'],
  },
  {
    title: 'an old_size that differs',
    model: load([{ spec: nop('plain_fn', 6, 31) }]),
    expected: ['old-size-differs'],
    message: /states old_size 31 for plain_fn, which has 32 bytes/,
  },
  {
    title: 'an old_size beyond the next symbol, where sizes are not known',
    model: load([{ spec: nop('plain_fn', 6, 65) }]),
    context: { symbols: symbolsOf(GROUND, [], false) },
    expected: ['old-size-differs'],
    message: /at most 64 bytes/,
  },
  {
    title: 'an old_size below it says nothing then',
    model: load([{ spec: nop('plain_fn', 6, 60) }]),
    context: { symbols: symbolsOf(GROUND, [], false) },
    expected: [],
  },
  {
    title: 'a new_size that differs',
    model: load([{ spec: one({ newSize: 15 }) }]),
    expected: ['new-size-differs'],
    message: /states new_size 15 for plain_fn, whose new code new_code has 16 bytes/,
  },
  {
    title: 'the middle of a function',
    model: load(
      [{ spec: nop('plain_fn', 5, 10) }].map(({ spec }) => ({
        spec: {
          functions: [
            { ...spec.functions?.[0], name: 'plain_fn', oldAddress: addressOf('plain_fn') + 6n },
          ],
        },
      })),
    ),
    expected: ['not-a-function'],
    message: /6 bytes into plain_fn/,
  },
  {
    title: 'data',
    model: load([{ spec: one({ name: 'some_data', oldSize: 8 }) }]),
    expected: ['not-a-function'],
    message: /which is data/,
  },
  {
    title: 'one function twice',
    model: load([
      { spec: { functions: [plainFunction({ oldSize: 32 }), plainFunction({ oldSize: 32 })] } },
    ]),
    expected: ['function-patched-twice'],
  },
  {
    title: 'a function that an unrelated payload patches',
    model: load([
      { spec: nop('plain_fn', 6, 32), applied: true },
      { spec: nop('plain_fn', 6, 32) },
    ]),
    expected: ['patched-by-other'],
    message: /patches plain_fn, which "p1" patches too/,
  },
  {
    title: 'a function that its own base patches',
    model: load([
      { spec: nop('plain_fn', 6, 32), applied: true },
      { spec: { ...nop('plain_fn', 6, 32), depends: note(idBytes(1)) } },
    ]),
    expected: [],
  },
  {
    title: 'a function that an unrelated payload patches once it is applied',
    model: load([{ spec: nop('plain_fn', 6, 32) }, { spec: nop('plain_fn', 6, 32) }]),
    expected: [],
  },
  ...(
    [
      ['check_for_livepatch_work', 'critical-code'],
      ['arch/x86/livepatch.c#arch_livepatch_apply', 'critical-code'],
      ['common/livepatch.c#livepatch_spin.part.0', 'critical-code'],
      ['memcpy', 'critical-code'],
      ['idle_loop', 'critical-code'],
      ['lstar_enter', 'entry-code'],
      ['__x86_return_thunk', 'entry-code'],
      ['vmx_asm_vmexit_handler', 'entry-code'],
      ['common/livepatch.c#prepare_payload', 'critical-code'],
      ['x86_64/entry.S#process_trap', 'entry-code'],
      ['int80_direct_trap', 'entry-code'],
      ['start_vmx', null],
      ['memcpy_from_guest', null],
    ] as const
  ).map(
    ([name, code]): Case => ({
      title: name,
      model: load([{ spec: nop(name, 6, 32) }]),
      expected: code === null ? [] : [code],
    }),
  ),
  {
    title: 'code that is gone after boot',
    model: load(
      [{ spec: nop('gone', 6, 32) }].map(() => ({
        spec: {
          functions: [
            plainFunction({ name: 'plain_fn', oldAddress: NOWHERE, newAddress: null, newSize: 5 }),
          ],
        },
      })),
    ),
    context: {
      symbols: symbolsOf(GROUND, [
        { name: '_sinittext', address: NOWHERE, type: 'T', size: 0n },
        { name: 'init_fn', address: NOWHERE, type: 't', size: 64n },
        { name: '__init_end', address: NOWHERE + 0x1000n, type: 'B', size: 0n },
      ]),
    },
    expected: ['init-code'],
    message: /_sinittext|init_fn/,
  },
  {
    title: 'an import of a payload that it does not build on',
    model: load([
      { spec: { extraSymbols: [{ name: 'shared', section: '.text', value: 16n }] } },
      { spec: { ...nop('other_fn', 6, 32), extraSymbols: [{ name: 'shared' }] } },
    ]),
    context: { imports: ['shared'] },
    expected: ['bound-to-stranger'],
    message: /uses shared of "p1"/,
  },
  {
    title: 'an import of its base',
    model: load([
      { spec: { extraSymbols: [{ name: 'shared', section: '.text', value: 16n }] } },
      {
        spec: {
          ...nop('other_fn', 6, 32),
          depends: note(idBytes(1)),
          extraSymbols: [{ name: 'shared' }],
        },
      },
    ]),
    context: { imports: ['shared'] },
    expected: [],
  },
  {
    title: 'a name that Xen has twice',
    model: load([{ spec: nop('plain_fn', 6, 32) }]),
    context: {
      symbols: symbolsOf(GROUND, [
        { name: 'plain_fn', address: TEXT + 0x1000n, type: 't', size: 32n },
      ]),
    },
    expected: ['ambiguous-symbol'],
    message: /uses plain_fn, of which this Xen has 2/,
  },
  {
    title: 'data of its own',
    model: load([{ spec: { ...nop('plain_fn', 6, 32), extraSections: [data] } }]),
    expected: ['data-prevents-reapply'],
  },
  {
    title: 'hooks that no REPLACE is possible with',
    model: load([
      { spec: { ...nop('plain_fn', 6, 32), hooks: { preapply: ['a'], postrevert: ['b'] } } },
    ]),
    expected: ['hooks-prevent-replace'],
    message: /has a preapply and a postrevert hook/,
  },
  {
    title: 'sections that Xen keeps pointers to after they are freed',
    model: load(
      [
        {
          bytes: withSection(
            withSection(
              tinyPayload({ ...nop('plain_fn', 6, 32), modinfo: Buffer.from('a=b\0') }),
              '.modinfo',
              { flags: 0n },
            ),
            '.livepatch.depends',
            { flags: 0n },
          ),
        },
      ],
      '4.20.4',
    ),
    expected: ['kept-in-freed-memory', 'kept-in-freed-memory'],
    message: /has \.livepatch\.depends without SHF_ALLOC/,
  },
];

describe('hazards', () => {
  for (const { title, model, expected, message, context } of CASES) {
    it(title, () => {
      const found = hazardsOf(model, context);
      assert.deepEqual(
        found.map(({ code }) => code),
        expected,
        found.map(({ message: text }) => text).join('\n'),
      );
      for (const { code, severity } of found) assert.equal(severity, CATALOGUE[code].severity);
      if (message)
        assert.ok(
          found.some((f) => message.test(f.message)),
          found.map((f) => f.message).join('\n'),
        );
    });
  }

  it('say which file, and look at an applied payload as at one that is not', () => {
    const model = load([{ spec: nop('plain_fn', 5, 32) }]);
    const before = hazardsOf(model, { file: 'a.livepatch' });
    const applied = apply(model, 'p1', APPLY).model;
    assert.deepEqual(hazardsOf(applied, { file: 'a.livepatch' }), before);
    assert.equal(before[0]?.file, 'a.livepatch');
  });

  it('without symbols say what does not need them', () => {
    const model = load([{ spec: { ...nop('plain_fn', 5, 31), extraSections: [data] } }]);
    assert.deepEqual(codes(model, { symbols: null }), ['data-prevents-reapply']);
  });

  it('one function twice: a jump into the payload stays behind', () => {
    const twice = { functions: [plainFunction(), plainFunction()] };
    const model = load([{ spec: twice, applied: true }]);
    const after = revert(model, 'p1').model;
    assert.equal(after.memory.u8(addressOf('plain_fn')), 0xe9);
  });
});

describe('hazards of REPLACE', () => {
  const intent = 'replace' as const;
  const safe = nop('plain_fn', 6, 32);

  it('dirty data is applied again', () => {
    const model = load([{ spec: { ...safe, extraSections: [data] }, applied: true }]);
    const reverted = revert(model, 'p1').model;
    assert.deepEqual(codes(reverted, { intent }), [
      'data-prevents-reapply',
      'replace-reapplies-dirty-data',
    ]);
    assert.deepEqual(codes(reverted), ['data-prevents-reapply']);
  });

  it('what others patch is no danger: they are reverted first', () => {
    const model = load([
      { spec: safe, applied: true },
      { spec: { ...safe, depends: note(XEN_ID) } },
    ]);
    assert.deepEqual(codes(model), ['patched-by-other']);
    assert.deepEqual(codes(model, { intent }), []);
  });

  it('expectations that hold now, but not once everything is reverted', () => {
    const expect = Uint8Array.of(1 | (2 << 1), 0x66, 0x0f);
    const spec = {
      functions: [plainFunction({ newAddress: null, newSize: 6, oldSize: 32, expect })],
    };
    const model = load([
      { spec: safe, applied: true },
      { spec: { ...spec, depends: note(XEN_ID) } },
    ]);
    assert.equal(verdictLine(apply(model, 'p2', APPLY)), 'accepted');
    const found = hazardsOf(model, { intent });
    assert.deepEqual(
      found.map(({ code }) => code),
      ['replace-expectations-fail'],
    );
    assert.match(found[0]?.message ?? '', /expected:660f, actual:5548/);
  });

  it('hooks of what is replaced are not run again', () => {
    const hooked = { ...nop('other_fn', 6, 32), hooks: { load: ['hook'] } };
    const lost = load([{ spec: hooked, applied: true }, { spec: safe }]);
    assert.deepEqual(codes(lost, { intent }), ['replace-loses-hooks']);
    const kept = load([
      { spec: hooked, applied: true },
      { spec: { ...safe, hooks: { load: ['own_hook'] } } },
    ]);
    assert.deepEqual(codes(kept, { intent }), []);
  });

  it('say nothing of a payload that is applied already', () => {
    const model = load([{ spec: safe, applied: true }]);
    assert.deepEqual(codes(model, { intent }), []);
    assert.equal(findPayload(model, 'p1')?.state, 'APPLIED');
  });
});

describe('initSymbolAt', () => {
  it('names init code, and nothing that is mapped or outside the init sections', () => {
    const model = tinyModel('4.17.7');
    const symbols = symbolsOf(GROUND, [
      { name: '__init_begin', address: NOWHERE, type: 'T', size: 0n },
      { name: 'init_fn', address: NOWHERE + 16n, type: 't', size: 64n },
      { name: '__init_end', address: NOWHERE + 0x1000n, type: 'B', size: 0n },
    ]);
    assert.equal(initSymbolAt(model, symbols, NOWHERE + 20n), 'init_fn');
    assert.equal(initSymbolAt(model, symbols, addressOf('plain_fn')), null);
    assert.equal(initSymbolAt(model, symbols, NOWHERE + 0x1000n), null);
    assert.equal(initSymbolAt(model, symbolsOf(GROUND), NOWHERE), null);
  });
});

describe('an unload', () => {
  const exporting = { extraSymbols: [{ name: 'shared', section: '.text', value: 16n }] };
  const importing = {
    ...one({ name: 'other_fn', newAddress: 'shared' }),
    extraSymbols: [{ name: 'shared' }],
  };

  it('leaves links behind where another payload uses what is unloaded', () => {
    const model = load([{ spec: exporting }, { spec: importing, applied: true }]);
    const [found, ...more] = checkUnload(model, new Set(['p1']));
    assert.deepEqual(
      [found?.code, found?.severity, found?.payload],
      ['unload-leaves-links', 'error', 'p1'],
    );
    assert.match(found?.message ?? '', /^p2, which is applied, uses code or data of p1/);
    assert.deepEqual(more, []);
  });

  it('leaves none where nothing is used, or all who use it go as well', () => {
    const model = load([{ spec: exporting }, { spec: importing }]);
    assert.deepEqual(checkUnload(model, new Set(['p1', 'p2'])), []);
    assert.deepEqual(checkUnload(model, new Set(['p2'])), []);
    assert.deepEqual(checkUnload(model, new Set()), []);
  });

  it('is only warned of where the one that uses it is not applied', () => {
    const model = load([{ spec: exporting }, { spec: importing }]);
    const [found, ...more] = checkUnload(model, new Set(['p1']));
    assert.deepEqual([found?.code, found?.severity, more], ['unload-leaves-links', 'warning', []]);
    assert.match(found?.message ?? '', /^p2, which is loaded, uses/);
  });
});
