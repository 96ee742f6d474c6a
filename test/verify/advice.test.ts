import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHF, SHT } from '../../core/elf/constants.js';
import {
  type Answer,
  apply,
  type Fault,
  findingsOfFaults,
  type Model,
  REASONS,
  type Reason,
  replace,
  revert,
  unload,
  upload,
} from '../../core/verify/index.js';
import { hexBytes } from '../support/elf-builder.js';
import { idBytes, type PayloadSpec } from '../support/payload-builder.js';
import {
  FAR,
  NOWHERE,
  note,
  plainFunction,
  sectionOf,
  TEXT,
  tinyChain,
  tinyModel,
  tinyPayload,
  withContents,
  withHeader,
  withSection,
  XEN_ID,
} from '../support/tiny-model.js';

/** A payload that has the fault, where it has it, and what is said to its author. */
interface Example {
  readonly bytes: Uint8Array;
  /** Default: 4.17.7. */
  readonly release?: string;
  readonly model?: Model;
  /** Asked for an apply too. */
  readonly applies?: boolean;
  readonly says: RegExp;
}

/** A question that is more than an upload, and what is said then. */
interface ActionExample {
  readonly asks: () => Answer;
  readonly says: RegExp;
}

const good = tinyPayload();
const CODE = SHF.ALLOC | SHF.EXECINSTR;
const DAMAGED = /was damaged, or edited after it was linked/;
const of = (func: Parameters<typeof plainFunction>[0]) =>
  tinyPayload({ functions: [plainFunction(func)] });
const withData = (name: string, data: Uint8Array) =>
  tinyPayload({ extraSections: [{ name, flags: SHF.ALLOC, data }] });
const unloaded = (name: string) => withSection(good, name, { flags: 0n });
const relocation = (at: number, size: 4 | 8, value: bigint) =>
  withContents(good, '.rela.livepatch.funcs', at, size, value);
const symbol = (at: number, size: 2 | 4 | 8, value: bigint) =>
  withContents(good, '.symtab', 24 + at, size, value);

function alternatives(
  entry: { readonly feature?: number; readonly replacement?: number } = {},
  spec: { readonly origin?: string; readonly repl?: string; readonly section?: boolean } = {},
  more: PayloadSpec = {},
): Uint8Array {
  const data = new Uint8Array(14);
  const view = new DataView(data.buffer);
  view.setUint16(8, entry.feature ?? 0, true);
  view.setUint8(10, 5);
  view.setUint8(11, entry.replacement ?? 5);
  const { origin = 'new_code', repl = '.Lrepl', section = true } = spec;
  const name = section ? '.altinstr_replacement' : '.text.repl';
  return tinyPayload({
    ...more,
    extraSections: [
      { name: '.altinstructions', flags: SHF.ALLOC, data },
      { name, flags: CODE, data: new Uint8Array(16) },
    ],
    extraSymbols: [
      { name: '.Lrepl', section: name, binding: 0 },
      { name: 'plain_fn' },
      { name: 'nowhere', section: 0xfff1, value: NOWHERE },
    ],
    extraRelocations: [
      { section: '.altinstructions', offset: 0n, type: 2, symbol: origin },
      { section: '.altinstructions', offset: 4n, type: 2, symbol: repl },
    ],
  });
}

function altCall(code: string, site = 'call_site', pointer = 'some_data'): Uint8Array {
  return tinyPayload({
    extraSections: [
      { name: '.text.call', flags: CODE, data: hexBytes(code) },
      { name: '.alt_call_sites', flags: SHF.ALLOC, data: new Uint8Array(4) },
    ],
    extraSymbols: [
      { name: 'call_site', section: '.text.call', binding: 0 },
      { name: 'some_data' },
      { name: 'nowhere', section: 0xfff1, value: NOWHERE },
    ],
    extraRelocations: [
      { section: '.alt_call_sites', offset: 0n, type: 2, symbol: site },
      { section: '.text.call', offset: 2n, type: 2, symbol: pointer, addend: -4n },
    ],
  });
}

/** A hypervisor on which `good` is loaded. */
const loaded = upload(tinyModel('4.17.7'), 'first', good).model;
/** A preapply hook whose pointer leads to where nothing is. */
function hookNowhere(): Uint8Array {
  return tinyPayload({
    hooks: { preapply: ['gone'] },
    extraSymbols: [{ name: 'gone', section: 0xfff1, value: NOWHERE }],
  });
}
const ofText = (bytes: Uint8Array) => withSection(bytes, '.text', { flags: SHF.ALLOC });
const hooksOnly: PayloadSpec = { hooks: { load: ['on_load'] } };

const onXen = (bytes: Uint8Array, release = '4.17.7') =>
  upload(tinyModel(release), 'p', bytes).model;
const applied = (model: Model, name = 'p') => apply(model, name, { nodeps: false }).model;
const expecting = (expect: Uint8Array, more: Parameters<typeof plainFunction>[0] = {}) =>
  of({ expect, ...more });
const expectation = (length: number, ...bytes: readonly number[]) =>
  Uint8Array.of(1 | (length << 1), ...bytes);
/** p1 and p2, applied. */
const stack = () =>
  tinyChain(2, (i) => ({ stringsSymbol: `names_${i}` })).reduce(
    (model, { name, bytes }) => applied(upload(model, name, bytes).model, name),
    tinyModel('4.17.7'),
  );

/** Every reason has its example here: the compiler asks for it. */
const EXAMPLES: Readonly<Record<Reason, Example | ActionExample>> = {
  'name-not-accepted': {
    asks: () => upload(tinyModel('4.17.7'), 'a'.repeat(128), good),
    says: /at most 127 bytes/,
  },
  'file-empty': { bytes: new Uint8Array(), says: /file is empty/ },
  'file-too-large': { bytes: new Uint8Array(0x200001), says: /at most 2 MiB.*--strip-debug/ },
  'name-taken': { asks: () => upload(onXen(good), 'p', good), says: /rename the file, or unload/ },
  'not-loaded': { asks: () => revert(tinyModel('4.17.7'), 'p'), says: /Look at list/ },
  'still-applied': { asks: () => unload(applied(onXen(good)), 'p'), says: /revert it first/ },
  'not-on-top': { asks: () => revert(stack(), 'p1'), says: /and that is p2: revert --to/ },
  'data-not-fresh': {
    asks: () => {
      const data = { name: '.data', flags: SHF.ALLOC | SHF.WRITE, data: new Uint8Array(8) };
      const reverted = revert(applied(onXen(tinyPayload({ extraSections: [data] }))), 'p').model;
      return apply(reverted, 'p', { nodeps: false });
    },
    says: /unload it and upload it anew/,
  },
  'other-parent': {
    bytes: tinyPayload({ depends: note(idBytes(0x55)) }),
    applies: true,
    says: /built on 5555.*would be applied on is 3333/,
  },
  'expectation-without-code': {
    // Xen looks the address up at upload: only a hole in its memory would leave it 0.
    asks: () => {
      const model = onXen(expecting(expectation(1, 0x55)));
      const [payload] = model.payloads;
      assert.ok(payload);
      const memory = model.memory.fork();
      memory.write(payload.funcs.address + 16n, new Uint8Array(8), () => true);
      return apply({ ...model, memory }, 'p', { nodeps: false });
    },
    says: /no address: its old_addr and its name are missing/,
  },
  'expectation-reserved': {
    bytes: expecting(Uint8Array.of(0xc3, 0x55)),
    applies: true,
    says: /Reserved bits/,
  },
  'expectation-too-long': {
    bytes: expecting(expectation(31), { oldSize: 30 }),
    applies: true,
    says: /more bytes of plain_fn than old_size/,
  },
  'expectation-differs': {
    bytes: expecting(expectation(1, 0x56)),
    applies: true,
    says: /^plain_fn begins with other bytes/,
  },
  'vetoing-hooks': {
    asks: () => replace(onXen(tinyPayload({ hooks: { preapply: ['veto'] } })), 'p'),
    says: /may say no.*then apply this one/,
  },
  'hook-nowhere': {
    bytes: hookNowhere(),
    applies: true,
    says: /^Do not apply it\. \.livepatch\.hooks\.preapply leads nowhere/,
  },
  'texts-nowhere': {
    bytes: withSection(tinyPayload({ modinfo: Buffer.from('a=b\0') }), '.modinfo', { flags: 0n }),
    release: '4.20.4',
    applies: true,
    says: /\.modinfo is not loaded, and Xen prints it/,
  },
  'old-code-nowhere': {
    asks: () => {
      const model = onXen(good);
      const memory = model.memory.fork();
      memory.unmap(TEXT, 0x2000n);
      return apply({ ...model, memory }, 'p', { nodeps: false });
    },
    says: /not there any more/,
  },
  'nop-shorter-than-endbr': {
    bytes: tinyPayload({
      functions: [{ name: 'endbr_fn', newAddress: null, newSize: 3, oldSize: 36 }],
    }),
    applies: true,
    says: /^Do not apply it\. endbr_fn begins with ENDBR64/,
  },
  'file-too-short': { bytes: good.slice(0, 63), says: /was cut short/ },
  'not-elf': { bytes: Buffer.alloc(100, 1), says: /no ELF file/ },
  'elf-version': { bytes: withHeader(good, 'version', 2n), says: DAMAGED },
  'elf-osabi': {
    bytes: withHeader(good, 'osAbi', 3n),
    says: /SHF_GNU_RETAIN.*IFUNC or STB_GNU_UNIQUE/,
  },
  'elf-abi-version': { bytes: withHeader(good, 'abiVersion', 1n), says: DAMAGED },
  'elf-type': { bytes: withHeader(good, 'type', 3n), says: /link it with ld -r, without -shared/ },
  'elf-segments': { bytes: withHeader(good, 'segmentCount', 1n), says: /linked as a program/ },
  'elf-machine': { bytes: withHeader(good, 'machine', 183n), says: /another processor/ },
  'section-count': { bytes: withHeader(good, 'sectionCount', 1024n), says: /-ffunction-sections/ },
  'header-fields': { bytes: withHeader(good, 'nameSection', 0n), says: DAMAGED },
  'section-outside': { bytes: withSection(good, '.text', { offset: 63n }), says: DAMAGED },
  'section-alignment': { bytes: withSection(good, '.text', { alignment: 3n }), says: DAMAGED },
  'section-address': { bytes: withSection(good, '.text', { address: 8n }), says: DAMAGED },
  'bss-too-large': {
    bytes: withSection(good, '.text', { type: 8n, size: 0x200001n }),
    says: /more than 2 MiB/,
  },
  'symbol-tables': { bytes: withSection(good, '.text', { type: 2n }), says: /one symbol table/ },
  'no-symbol-table': {
    bytes: withSection(good, '.symtab', { type: 1n }),
    says: /--strip-debug only/,
  },
  'symbol-table-damaged': { bytes: withSection(good, '.symtab', { size: 25n }), says: DAMAGED },
  'symbol-table-link': { bytes: withSection(good, '.symtab', { link: 0n }), says: DAMAGED },
  'string-table-damaged': { bytes: withSection(good, '.strtab', { type: 1n }), says: DAMAGED },
  'section-names-damaged': { bytes: withContents(good, '.shstrtab', 0, 1, 65n), says: DAMAGED },
  'symbol-name-outside': { bytes: symbol(0, 4, 5000n), says: DAMAGED },
  'symbol-count': {
    // A size whose end wraps below the file's, with some billions of symbols.
    bytes: withSection(good, '.symtab', { offset: 64n, size: (1n << 64n) - 16n }),
    says: DAMAGED,
  },
  'write-and-execute': {
    bytes: withSection(good, '.text', { flags: CODE | SHF.WRITE }),
    says: /^\.text is both writable and executable/,
  },
  'no-room': {
    bytes: tinyPayload({
      extraSections: Array.from({ length: 520 }, (_, i) => ({
        ...{ name: `.bss.${i}`, type: SHT.NOBITS, flags: SHF.ALLOC | SHF.WRITE, size: 0x200000n },
      })),
    }),
    says: /no room behind Xen/,
  },
  'size-wraps': {
    bytes: withSection(good, '.text', { offset: 64n, size: 0xffff_ffff_ffff_ffffn }),
    says: DAMAGED,
  },
  'common-symbol': {
    bytes: symbol(6, 2, 0xfff2n),
    says: /^strings is a common symbol.*-fno-common/,
  },
  'unknown-symbol': {
    bytes: tinyPayload({ extraSymbols: [{ name: '__stack_chk_fail' }] }),
    says: /-fno-stack-protector/,
  },
  'symbol-section': { bytes: symbol(6, 2, 100n), says: DAMAGED },
  'relocation-link': {
    bytes: withSection(good, '.rela.livepatch.funcs', { link: 1n }),
    says: DAMAGED,
  },
  'relocation-header': {
    bytes: withSection(good, '.rela.livepatch.funcs', { entrySize: 23n }),
    says: DAMAGED,
  },
  'relocation-without-addend': {
    bytes: withSection(good, '.rela.livepatch.funcs', { type: 9n }),
    says: /have no addends/,
  },
  'relocation-without-symbol': {
    bytes: tinyPayload({
      extraSections: [{ name: '.eh_frame', flags: SHF.ALLOC, data: new Uint8Array(8) }],
      extraRelocations: [{ section: '.eh_frame', offset: 0n, type: 0, symbol: 0 }],
    }),
    says: /without a symbol in \.eh_frame.*-fno-asynchronous-unwind-tables, or remove \.eh_frame/,
  },
  'relocation-symbol-index': { bytes: relocation(12, 4, 77n), says: DAMAGED },
  'relocation-to-unloaded': {
    bytes: unloaded('.rodata.str'),
    says: /refers to strings in a section that is not/,
  },
  'relocation-outside': { bytes: relocation(0, 8, 97n), says: DAMAGED },
  'relocation-overflow': {
    bytes: tinyPayload({
      extraSymbols: [{ name: 'far', section: 0xfff1, value: FAR }],
      extraRelocations: [{ section: '.text', offset: 1n, type: 2, symbol: 'far' }],
    }),
    says: /^far is further than 2 GiB/,
  },
  'relocation-type': { bytes: relocation(8, 4, 9n), says: /GOT.*-fvisibility=hidden/ },
  'relocation-target-null': {
    bytes: withSection(good, '.rela.livepatch.funcs', { info: 0n }),
    says: DAMAGED,
  },
  'relocation-tables-overlap': {
    bytes: (() => {
      const data = new Uint8Array(24 * 40);
      const bytes = tinyPayload({
        extraSections: Array.from({ length: 60 }, (_, i) => ({
          name: `.rela${i}`,
          ...{ type: SHT.RELA, link: '.symtab', info: '.text', entrySize: 24 },
          data:
            i === 0
              ? new Uint8Array(data.length).map((_, at) => (at % 24 === 12 ? 1 : 0))
              : new Uint8Array(0),
        })),
      });
      const { headerAt } = sectionOf(bytes, '.rela0');
      const offset = new DataView(bytes.buffer).getBigUint64(headerAt + 24, true);
      return Array.from({ length: 59 }, (_, i) => `.rela${i + 1}`).reduce(
        (file, name) => withSection(file, name, { offset, size: BigInt(data.length) }),
        bytes,
      );
    })(),
    says: DAMAGED,
  },
  'section-missing': {
    bytes: tinyPayload({ depends: null }),
    says: /objcopy --add-section \.livepatch\.depends=/,
  },
  'section-empty': { bytes: tinyPayload({ functions: [] }), says: /^\.livepatch\.funcs is empty/ },
  'nothing-to-patch': {
    bytes: withSection(good, '.livepatch.funcs', { name: 1n }),
    says: /neither \.livepatch\.funcs nor a hook/,
  },
  'entries-not-whole': {
    bytes: withSection(good, '.livepatch.funcs', { size: 103n }),
    says: /headers of another Xen \(64 bytes up to 4\.13, 104 since\)/,
  },
  'too-many-functions': {
    bytes: withSection(unloaded('.livepatch.funcs'), '.livepatch.funcs', {
      ...{ type: 8n, size: 104n * 110_000_000n },
    }),
    release: '4.20.4',
    says: DAMAGED,
  },
  'payload-version': { bytes: of({ version: 1 }), says: /headers of another Xen \(version 1\)/ },
  'old-size-zero': { bytes: of({ oldSize: 0 }), says: /old_size to the size of plain_fn/ },
  'function-not-found': { bytes: of({ name: 'gone' }), says: /no global function of that name/ },
  'nop-too-long': { bytes: of({ newAddress: null, newSize: 32 }), says: /At most 31 bytes/ },
  'nop-longer-than-function': {
    bytes: of({ newAddress: null, newSize: 9, oldSize: 8 }),
    says: /new_size is larger than old_size/,
  },
  'no-room-for-jump': { bytes: of({ oldSize: 4 }), says: /shorter than the jump/ },
  'function-too-far': { bytes: of({ oldAddress: FAR }), says: /leave it 0/ },
  'functions-not-loaded': {
    bytes: unloaded('.livepatch.funcs'),
    says: /^Do not upload it anywhere\. .*set-section-flags \.livepatch\.funcs=alloc,data/,
  },
  'function-name-nowhere': {
    bytes: of({ name: null }),
    says: /relocations of \.livepatch\.funcs are missing/,
  },
  'function-relocations-skipped': {
    // Case 13.
    bytes: withSection(good, '.rela.livepatch.funcs', { type: BigInt(SHT.CREL) }),
    says: /does not perform \.rela\.livepatch\.funcs of \.livepatch\.funcs.*no -Wa,--crel/,
  },
  'old-address-unmapped': {
    bytes: of({ oldAddress: NOWHERE }),
    says: /mapped at old_addr ffff82d07fff0000 once Xen has booted: an __init function/,
  },
  'hook-size': {
    bytes: tinyPayload({ hooks: { preapply: ['a', 'b'] } }),
    says: /^\.livepatch\.hooks\.preapply may hold one/,
  },
  'id-not-first-note': {
    bytes: withContents(good, '.note.gnu.build-id', 8, 4, 5n),
    says: /Only the first note counts.*\.note\.gnu\.property/,
  },
  'id-not-loaded': {
    bytes: unloaded('.livepatch.depends'),
    says: /set-section-flags \.livepatch\.depends=alloc/,
  },
  'build-id-loaded': { bytes: good, model: loaded, says: /loaded under another name/ },
  'other-hypervisor': {
    bytes: tinyPayload({ xenDepends: note(idBytes(0x44)) }),
    says: /built for another build of Xen/,
  },
  'hypervisor-without-id': {
    bytes: good,
    model: tinyModel('4.17.7', { buildId: null }),
    says: /linked without a build-id/,
  },
  'alternatives-without-text': {
    bytes: ofText(
      tinyPayload({
        ...hooksOnly,
        extraSections: [{ name: '.altinstructions', flags: SHF.ALLOC, data: new Uint8Array(14) }],
      }),
    ),
    says: /alternatives and no code/,
  },
  'alternatives-without-replacements': {
    bytes: alternatives({}, { section: false }),
    says: /\.altinstr_replacement is missing/,
  },
  'alternative-outside-text': {
    bytes: alternatives({}, { origin: 'strings' }),
    says: /not for code of this payload/,
  },
  'replacement-outside': {
    bytes: alternatives({}, { repl: 'strings' }),
    says: /not in \.altinstr_replacement/,
  },
  'alternative-invalid': {
    bytes: alternatives({ replacement: 6 }),
    says: /Do not upload it anywhere\. An alternative does not fit this Xen/,
  },
  'alternative-writes-outside': {
    bytes: alternatives({ feature: 93 }, { origin: 'plain_fn' }),
    release: '4.16.7',
    says: /makes Xen write outside the payload/,
  },
  'alternatives-not-loaded': {
    bytes: withSection(alternatives(), '.altinstructions', { flags: 0n }),
    says: /set-section-flags \.altinstructions=alloc/,
  },
  'call-outside-text': {
    bytes: altCall('ff 15 00000000', 'some_data'),
    release: '4.22.0',
    says: /not for code of this payload/,
  },
  'call-not-a-call': {
    bytes: altCall('90 90 00000000'),
    release: '4.22.0',
    says: /no call through a pointer/,
  },
  'call-pointer-nowhere': {
    bytes: altCall('ff 15 00000000', 'call_site', 'nowhere'),
    release: '4.22.0',
    says: /pointer of an alternative call lies nowhere/,
  },
  'exception-table': {
    bytes: withSection(withData('.ex_table', new Uint8Array(16)), '.ex_table', { flags: 0n }),
    says: /mark \.ex_table to be loaded/,
  },
  'metadata-unterminated': {
    bytes: tinyPayload({ modinfo: Buffer.from('a=b') }),
    says: /with a NUL/,
  },
  'metadata-empty': {
    bytes: tinyPayload({ modinfo: new Uint8Array() }),
    says: /leave the section out/,
  },
  'symbol-exists': {
    bytes: tinyPayload({
      extraSymbols: [{ name: 'some_data', section: '.text', value: 16n, binding: 0 }],
    }),
    says: /has some_data already/,
  },
  'functions-read-only': {
    bytes: withSection(good, '.livepatch.funcs', { flags: SHF.ALLOC }),
    release: '4.17.2',
    applies: true,
    says: /objcopy --set-section-flags \.livepatch\.funcs=alloc,data cures it/,
  },
  'leads-nowhere': {
    bytes: alternatives({ feature: 93 }, { repl: 'nowhere' }),
    release: '4.16.7',
    says: DAMAGED,
  },
};

function faultsOf(example: Example | ActionExample): readonly Fault[] {
  if ('asks' in example) return example.asks().verdict.faults;
  const { bytes, release = '4.17.7', model, applies = false } = example;
  const answer = upload(model ?? tinyModel(release), 'p', bytes);
  if (!applies) return answer.verdict.faults;
  return apply(answer.model, 'p', { nodeps: false }).verdict.faults;
}

describe('advice follows from the reason', () => {
  for (const reason of REASONS) {
    it(`of ${reason}`, () => {
      const example = EXAMPLES[reason];
      const faults = faultsOf(example);
      const fault = faults.find((found) => found.reason === reason);
      assert.ok(
        fault,
        `has ${faults.map((found) => found.reason ?? found.outcome.stage).join(', ')}`,
      );
      const operation = 'applies' in example ? 'apply' : 'upload';
      const [finding] = findingsOfFaults({ name: 'p', file: 'p.livepatch' }, operation, [fault]);
      assert.match(finding?.hint ?? '', example.says);
      assert.doesNotMatch(finding?.hint ?? '', /[Bb]uild it again/);
    });
  }

  it('of a symbol that the compiler adds (case 12): the flag that keeps it out', () => {
    const flags = Object.entries({
      __stack_chk_fail: '-fno-stack-protector',
      __fentry__: '-pg and -mfentry',
      mcount: '-pg',
      __gcov_init: '--coverage',
      _GLOBAL_OFFSET_TABLE_: '-fvisibility=hidden',
      __tls_get_addr: '__thread',
      __x86_return_thunk: '-mfunction-return',
      __x86_indirect_thunk_rax: '-mindirect-branch',
      __asan_load8_noabort: '-fsanitize',
      __cyg_profile_func_enter: '-finstrument-functions',
      __memcpy_chk: '-U_FORTIFY_SOURCE',
      __udivti3: '128-bit division',
      _Unwind_Resume: '-fno-exceptions',
      'limit.lto_priv.0': '-fno-lto',
      'common/kernel.c#gone': 'was inlined',
      gone: 'upload what defines it first',
    });
    for (const [name, flag] of flags) {
      const bytes = tinyPayload({ extraSymbols: [{ name }] });
      const [fault] = upload(tinyModel('4.17.7'), 'p', bytes).verdict.faults;
      const [finding] = findingsOfFaults(
        { name: 'p' },
        'upload',
        fault === undefined ? [] : [fault],
      );
      assert.ok(finding?.hint?.includes(flag), `${name}: ${finding?.hint}`);
    }
  });

  it('names the field of the header that is wrong (case 08)', () => {
    const { faults } = upload(tinyModel('4.17.7'), 'p', withHeader(good, 'osAbi', 3n)).verdict;
    const [finding] = findingsOfFaults({ name: 'p' }, 'upload', faults);
    assert.match(finding?.message ?? '', /offset 0x7: e_ident\[EI_OSABI\] 3, expected 0 or 9\)$/);
  });

  it('names both builds where one is the EFI build (case 18)', () => {
    const model = tinyModel('4.17.7', { buildId: idBytes(0x33, 16) });
    const bytes = tinyPayload({ xenDepends: note(XEN_ID) });
    const { faults } = upload(model, 'p', bytes).verdict;
    const [finding] = findingsOfFaults({ name: 'p' }, 'upload', faults);
    assert.match(finding?.hint ?? '', /as the EFI build \(xen\.efi\) has|another build of Xen/);
  });
});
