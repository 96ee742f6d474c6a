/**
 * What people who build and load live patches ran into, by the numbers of the reports: each input in its shape, built for
 * the demo's hypervisor, and what `check` has to say of it. Cases 07, 16, 18, 25 and 26 are about more than one file: their
 * tests stand beside what they are about.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SHF, SHT } from '../../core/elf/constants.js';
import { readImage } from '../../core/image/index.js';
import { DEMO_IMAGE, runCli, temporaryFolder } from '../support/cli.js';
import { buildIdNote, hexBytes } from '../support/elf-builder.js';
import { buildPayload, idBytes, type PayloadSpec } from '../support/payload-builder.js';
import { withHeader, withSection } from '../support/tiny-model.js';

const image = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE);
const hypervisor = buildIdNote(hexBytes(image.buildIds[0]?.id ?? ''));
const CHANGESET = image.symbols?.lookup('xen_changeset') ?? 0n;

/** A payload that the demo's hypervisor accepts, with what a case adds to it. */
function payload(spec: PayloadSpec = {}): Uint8Array {
  return buildPayload({
    ...{ buildId: buildIdNote(idBytes(0x41)), depends: hypervisor, xenDepends: hypervisor },
    functions: [{ name: 'xen_extra_version', newAddress: 'case_new', oldSize: 12 }],
    stringsSymbol: 'case_names',
    ...spec,
  });
}

/** new_code calls itself, by a relocation. */
const relocated = payload({
  extraRelocations: [{ section: '.text', offset: 4n, type: 2, symbol: 'case_new', addend: -4n }],
});
const section = (name: string) => ({
  extraSections: [{ name, flags: SHF.ALLOC, data: new Uint8Array(8), align: 8 }],
  extraRelocations: [{ section: name, offset: 0n, type: 1, symbol: 'case_new' }],
});
const symbol = (name: string) => payload({ extraSymbols: [{ name }] });
const compact = { type: BigInt(SHT.CREL) };

interface Case {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly exit: 0 | 3;
  /** Of the finding that says it. */
  readonly code: string;
  readonly message?: RegExp;
  readonly hint?: RegExp;
}

const CASES: readonly Case[] = [
  {
    what: '01: compact relocations of code, which Xen passes over',
    bytes: withSection(relocated, '.rela.text', compact),
    exit: 3,
    code: 'relocations-not-performed',
    message: /of a kind that Xen does not perform: \.rela\.text \(CREL\), for \.text/,
    hint: /-Wa,--crel/,
  },
  {
    what: '03: a hook whose name is misspelt, so that its veto never runs',
    bytes: payload(section('.livepatch.hooks.pre_apply')),
    exit: 3,
    code: 'hook-not-called',
    hint: /Is \.livepatch\.hooks\.preapply meant/,
  },
  {
    what: '03: another section that is misspelt',
    bytes: payload(section('.livepatch.func')),
    exit: 0,
    code: 'section-not-used',
    hint: /Is \.livepatch\.funcs meant/,
  },
  {
    what: '03: the hook of another patcher',
    bytes: payload(section('.kpatch.callbacks.pre_patch')),
    exit: 0,
    code: 'section-not-used',
    hint: /Is \.livepatch\.hooks\.preapply meant/,
  },
  {
    what: '06: old_addr of another function than the name says',
    bytes: payload({
      functions: [
        {
          ...{ name: 'xen_extra_version', newAddress: 'case_new', oldSize: 12 },
          oldAddress: CHANGESET,
        },
      ],
    }),
    exit: 0,
    code: 'old-address-of-another',
    message: /named xen_extra_version, but its old_addr 0x[0-9a-f]+ is xen_changeset/,
  },
  {
    what: '08: EI_OSABI that the assembler sets for retained sections and ifuncs',
    bytes: withHeader(payload(), 'osAbi', 3n),
    exit: 3,
    code: 'would-be-refused',
    message: /e_ident\[EI_OSABI\] 3, expected 0 or 9/,
    hint: /SHF_GNU_RETAIN.*IFUNC or STB_GNU_UNIQUE/,
  },
  {
    what: '10: a relocation without a symbol that a dropped COMDAT copy left',
    bytes: payload({
      extraSections: [{ name: '.eh_frame', flags: SHF.ALLOC, data: new Uint8Array(8) }],
      extraRelocations: [{ section: '.eh_frame', offset: 0n, type: 0, symbol: 0 }],
    }),
    exit: 3,
    code: 'would-be-refused',
    hint: /in \.eh_frame.*-fno-asynchronous-unwind-tables, or remove \.eh_frame/,
  },
  ...(
    [
      ['__stack_chk_fail', /-fno-stack-protector/],
      ['__fentry__', /-pg and -mfentry/],
      ['_GLOBAL_OFFSET_TABLE_', /-fvisibility=hidden/],
      ['__x86_indirect_thunk_r15', /-mindirect-branch/],
      ['__tls_get_addr', /__thread/],
    ] as const
  ).map(
    ([name, hint]): Case => ({
      what: `12: ${name}, which the compiler adds`,
      ...{ bytes: symbol(name), exit: 3, code: 'would-be-refused', hint },
    }),
  ),
  {
    what: '13: all relocations compact, so that a name stays NULL and Xen dies',
    bytes: withSection(relocated, '.rela.livepatch.funcs', compact),
    exit: 3,
    code: 'would-be-fatal',
    hint: /does not perform \.rela\.livepatch\.funcs of \.livepatch\.funcs.*no -Wa,--crel/,
  },
];

describe('a reported case', () => {
  for (const { what, bytes, exit, code, message, hint } of CASES) {
    it(what, async (t) => {
      const file = join(temporaryFolder(t), 'case.livepatch');
      writeFileSync(file, bytes);
      const { code: status, stdout } = await runCli([
        ...['check', '--image', DEMO_IMAGE, file, '--json'],
      ]);
      assert.equal(status, exit, stdout);
      const { findings } = JSON.parse(stdout) as {
        findings: readonly { code: string; message: string; hint?: string }[];
      };
      const found = findings.find((one) => one.code === code);
      assert.ok(found, findings.map((one) => one.code).join(', '));
      if (message !== undefined) assert.match(found.message, message);
      if (hint !== undefined) assert.match(found.hint ?? '', hint);
      for (const one of findings) assert.doesNotMatch(one.hint ?? '', /[Bb]uild it again/);
    });
  }
});
