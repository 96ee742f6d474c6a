import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHF } from '../../core/elf/constants.js';
import { upload } from '../../core/verify/index.js';
import { hexBytes } from '../support/elf-builder.js';
import { idBytes } from '../support/payload-builder.js';
import {
  FAR,
  NOWHERE,
  note,
  plainFunction,
  sectionOf,
  tinyModel,
  tinyPayload,
  verdictLine,
  withContents,
  withHeader,
  withSection,
} from '../support/tiny-model.js';

/** Releases with different rules. 4.12 has other payloads and no log lines: tested apart. */
const RELEASES = ['4.14.0', '4.14.6', '4.17.2', '4.17.7', '4.18.4', '4.20.4', '4.22.0'] as const;
type Release = (typeof RELEASES)[number];

interface Case {
  readonly title: string;
  readonly bytes: Uint8Array;
  /** What all releases answer but those in `but`. */
  readonly answer: string;
  readonly but?: Partial<Record<Release, string>>;
}

const good = tinyPayload();
const ALLOC_EXEC = SHF.ALLOC | SHF.EXECINSTR;
const absolute = (override: Parameters<typeof plainFunction>[0]) =>
  tinyPayload({ functions: [plainFunction(override)] });
const section = (name: string, data: Uint8Array, flags: bigint = SHF.ALLOC) =>
  tinyPayload({ extraSections: [{ name, flags, data }] });
const without = (name: string, flag: bigint = SHF.ALLOC) => {
  const view = new DataView(good.buffer, good.byteOffset, good.byteLength);
  const flags = view.getBigUint64(sectionOf(good, name).headerAt + 8, true);
  return withSection(good, name, { flags: flags & ~flag });
};
const relocation = (change: { at: number; size: 4 | 8; value: bigint }) =>
  withContents(good, '.rela.livepatch.funcs', change.at, change.size, change.value);
const symbolOf = (file: Uint8Array, index: number, at: number, size: 2 | 4 | 8, value: bigint) =>
  withContents(file, '.symtab', index * 24 + at, size, value);

/** An entry of .altinstructions whose pointers are relocated to the new code and the replacement. */
function alternatives(
  entry: { feature?: number; original?: number; replacement?: number; padding?: number },
  options: { origin?: string; withReplacement?: boolean; repl?: string } = {},
): Uint8Array {
  const data = new Uint8Array(14);
  const view = new DataView(data.buffer);
  view.setUint16(8, entry.feature ?? 0, true);
  view.setUint8(10, entry.original ?? 5);
  view.setUint8(11, entry.replacement ?? 5);
  view.setUint8(12, entry.padding ?? 0);
  const type = 2;
  return tinyPayload({
    extraSections: [
      { name: '.altinstructions', flags: SHF.ALLOC, data },
      ...(options.withReplacement === false
        ? []
        : [{ name: '.altinstr_replacement', flags: ALLOC_EXEC, data: new Uint8Array(16) }]),
    ],
    extraSymbols:
      options.withReplacement === false
        ? []
        : [{ name: '.Lrepl', section: '.altinstr_replacement', binding: 0 }],
    extraRelocations: [
      { section: '.altinstructions', offset: 0n, type, symbol: options.origin ?? 'new_code' },
      ...(options.withReplacement === false
        ? []
        : [{ section: '.altinstructions', offset: 4n, type, symbol: options.repl ?? '.Lrepl' }]),
    ],
  });
}

function altCall(code: string, symbol = 'call_site'): Uint8Array {
  const data = hexBytes(code);
  return tinyPayload({
    extraSections: [
      { name: '.text.call', flags: ALLOC_EXEC, data },
      { name: '.alt_call_sites', flags: SHF.ALLOC, data: new Uint8Array(4) },
    ],
    extraSymbols: [{ name: 'call_site', section: '.text.call', binding: 0 }, { name: 'some_data' }],
    extraRelocations: [
      { section: '.alt_call_sites', offset: 0n, type: 2, symbol },
      { section: '.text.call', offset: 2n, type: 2, symbol: 'some_data', addend: -4n },
    ],
  });
}

const STAGES: Readonly<Record<string, readonly Case[]>> = {
  'the ELF header': [
    { title: 'a good payload', bytes: good, answer: 'accepted' },
    {
      title: '63 bytes',
      bytes: good.slice(0, 63),
      answer: 'refused elf-header EINVAL: p: Section header is bigger than payload',
    },
    {
      title: 'no ELF',
      bytes: withContents(good, '.text', -64, 1, 0n),
      answer: 'refused elf-header EINVAL: p: Not an ELF payload',
    },
    ...(
      [
        ['version', 2n],
        ['identVersion', 0n],
        ['osAbi', 3n],
        ['abiVersion', 1n],
        ['type', 2n],
        ['segmentCount', 1n],
      ] as const
    ).map(([field, value]) => ({
      title: `${field} ${value}`,
      bytes: withHeader(good, field, value),
      answer: 'refused elf-header EOPNOTSUPP: p: Invalid ELF payload',
    })),
    { title: 'FreeBSD', bytes: withHeader(good, 'osAbi', 9n), answer: 'accepted' },
    {
      title: 'arm64',
      bytes: withHeader(good, 'machine', 183n),
      answer: 'refused elf-header EOPNOTSUPP: p: Unsupported ELF Machine type',
    },
    {
      title: '32 bits',
      bytes: withHeader(good, 'class', 1n),
      answer: 'refused elf-header EOPNOTSUPP: p: Unsupported ELF Machine type',
    },
    {
      title: 'no section names',
      bytes: withHeader(good, 'nameSection', 0n),
      answer: 'refused elf-header EINVAL: p: Section name idx is undefined',
    },
    {
      title: '1024 sections',
      bytes: withHeader(good, 'sectionCount', 1024n),
      answer: 'refused elf-header EOPNOTSUPP: p: Too many (1024) sections',
    },
    {
      title: 'section names past the end',
      bytes: withHeader(good, 'nameSection', 500n),
      answer: 'refused elf-header EINVAL: p: Section name idx (500) is past end of sections (11)',
    },
    {
      title: 'section table at the end',
      bytes: withHeader(good, 'sectionOffset', BigInt(good.length)),
      answer: 'refused elf-header EINVAL: p: Bogus e_shoff',
    },
    {
      title: 'section headers of 63 bytes',
      bytes: withHeader(good, 'sectionEntrySize', 63n),
      answer: 'refused elf-header EINVAL: p: Section header size is 63! Expected 64.',
    },
    {
      title: 'more sections than there is room for',
      bytes: withHeader(good, 'sectionCount', 1000n),
      answer: 'refused elf-header EINVAL: p: Section header size is corrupted',
    },
  ],
  'the section table': [
    {
      title: 'contents inside the header',
      bytes: withSection(good, '.text', { offset: 63n }),
      answer: 'refused section-table EINVAL: p: Section [1] data at ELF header of payload',
    },
    {
      title: 'contents past the end',
      bytes: withSection(good, '.text', { offset: BigInt(good.length) }),
      answer: 'refused section-table EINVAL: p: Section [1] data is past end of payload',
    },
    {
      title: 'an alignment of 3',
      bytes: withSection(good, '.text', { alignment: 3n }),
      answer: 'refused section-table EOPNOTSUPP: p: Section [1] alignment (0x3) is not supported',
    },
    {
      title: 'an address that is not aligned',
      bytes: withSection(good, '.text', { address: 8n }),
      answer:
        'refused section-table EINVAL: p: Section [1] addr (0x8) is not aligned properly (0x10)',
    },
    {
      title: 'a .bss above 2 MiB',
      bytes: withSection(good, '.text', { type: 8n, size: 0x200001n }),
      answer: 'refused section-table EINVAL',
    },
    {
      title: 'two symbol tables',
      bytes: withSection(good, '.text', { type: 2n }),
      answer: 'refused section-table EOPNOTSUPP: p: Unsupported multiple symbol tables',
    },
    {
      title: 'string table past the end',
      bytes: withSection(good, '.symtab', { link: 12n }),
      answer: 'refused section-table EINVAL: p: Symbol table idx (12) to strtab past end (11)',
    },
    {
      title: 'no symbol table',
      bytes: withSection(good, '.symtab', { type: 1n }),
      answer: 'refused section-table EINVAL: p: No symbol table found',
    },
    {
      title: 'a symbol table of odd size',
      bytes: withSection(good, '.symtab', { size: 25n }),
      answer: 'refused section-table EINVAL: p: Symbol table header is corrupted',
    },
    {
      title: 'a string table that is none',
      bytes: withSection(good, '.strtab', { type: 1n }),
      answer: 'refused section-table EINVAL: p: String table section is corrupted',
    },
    {
      title: 'sh_link 0',
      bytes: withSection(good, '.symtab', { link: 0n }),
      answer: 'fatal section-table: read of unmapped address 0000000000000004',
    },
  ],
  'names and symbols': [
    {
      title: 'section names that do not begin with NUL',
      bytes: withContents(good, '.shstrtab', 0, 1, 65n),
      answer: 'refused section-names EINVAL: p: Section string table is corrupted',
    },
    {
      title: 'a section name outside',
      bytes: withSection(good, '.text', { name: 5000n }),
      answer: 'refused section-names EINVAL: p: Section 1 name is not within .shstrtab',
    },
    {
      title: 'a symbol name outside',
      bytes: symbolOf(good, 1, 0, 4, 5000n),
      answer: 'refused symbol-table EINVAL: p: Symbol [1] name is not within .strtab',
    },
    {
      title: 'a common symbol',
      bytes: symbolOf(good, 1, 6, 2, 0xfff2n),
      answer: 'refused symbol-resolution EINVAL: p: Unexpected common symbol: strings',
    },
    {
      title: 'an unknown import',
      bytes: symbolOf(good, 1, 6, 2, 0n),
      answer: 'refused symbol-resolution ENOENT: p: Unknown symbol: strings',
    },
    {
      title: 'a symbol of a section past the end',
      bytes: symbolOf(good, 1, 6, 2, 100n),
      answer: 'refused symbol-resolution EINVAL: p: Out of bounds symbol section 0x64',
    },
    {
      title: 'a symbol of a reserved section',
      bytes: symbolOf(good, 1, 6, 2, 0xff00n),
      answer: 'refused symbol-resolution EOPNOTSUPP: p: Out of bounds symbol section 0xff00',
    },
  ],
  placement: [
    {
      title: 'writable code',
      bytes: withSection(good, '.text', { flags: ALLOC_EXEC | SHF.WRITE }),
      answer: 'refused placement EOPNOTSUPP',
    },
    {
      title: 'a size near 2^64 that wraps past the length check',
      bytes: withSection(good, '.text', { offset: 64n, size: 0xffff_ffff_ffff_ffffn }),
      answer: 'fatal placement: read of unmapped address ffff82c000201000',
    },
  ],
  relocation: [
    {
      title: 'against another symbol table',
      bytes: withSection(good, '.rela.livepatch.funcs', { link: 1n }),
      answer:
        'refused relocation EINVAL: p: Relative link of .rela.livepatch.funcs is incorrect (1, expected=8)',
    },
    {
      title: 'entries of 23 bytes',
      bytes: withSection(good, '.rela.livepatch.funcs', { entrySize: 23n }),
      answer: 'refused relocation EINVAL: p: Section relative header is corrupted',
    },
    {
      title: 'without addends',
      bytes: withSection(good, '.rela.livepatch.funcs', { type: 9n }),
      answer: 'refused relocation EOPNOTSUPP: p: SHT_REL relocation unsupported',
    },
    {
      title: 'of no symbol',
      bytes: relocation({ at: 12, size: 4, value: 0n }),
      answer: 'refused relocation EOPNOTSUPP: p: Encountered STN_UNDEF',
    },
    {
      title: 'of a symbol past the end',
      bytes: relocation({ at: 12, size: 4, value: 77n }),
      answer: 'refused relocation EINVAL: p: Relative relocation wants symbol@77 which is past end',
    },
    {
      title: 'of a symbol in a section that is not loaded',
      bytes: without('.rodata.str'),
      answer:
        'refused relocation EINVAL: p: Relocation against ignored symbol strings cannot be resolved',
      // The name is then the offset in the section, and 0 is the first.
      but: { '4.14.0': 'fatal functions: read of unmapped address 0000000000000000' },
    },
    {
      title: 'past the end of its section',
      bytes: relocation({ at: 0, size: 8, value: 97n }),
      answer:
        'refused relocation EINVAL: p: Relative relocation offset is past .livepatch.funcs section',
    },
    {
      title: 'of an unknown type',
      bytes: relocation({ at: 8, size: 4, value: 10n }),
      answer: 'refused relocation EOPNOTSUPP: p: Unhandled relocation 10',
    },
    {
      title: 'further than 2 GiB',
      bytes: tinyPayload({
        extraSymbols: [{ name: 'far', section: 0xfff1, value: FAR }],
        extraRelocations: [{ section: '.text', offset: 1n, type: 2, symbol: 'far' }],
      }),
      answer: 'refused relocation EOVERFLOW: p: Overflow in relocation 0 in .rela.text for .text',
    },
    {
      title: 'sh_info 0',
      bytes: withSection(good, '.rela.livepatch.funcs', { info: 0n }),
      answer: 'fatal relocation: read of unmapped address 0000000000000008',
    },
    {
      title: 'sh_info past the end: the section is not relocated, and its name stays NULL',
      bytes: withSection(good, '.rela.livepatch.funcs', { info: 99n }),
      answer: 'fatal functions: read of unmapped address 0000000000000000',
    },
  ],
  'sections that have to be there': [
    {
      title: 'no .livepatch.depends',
      bytes: tinyPayload({ depends: null }),
      answer: 'refused special-sections EINVAL: p: .livepatch.depends is missing',
    },
    {
      title: 'an empty .livepatch.depends',
      bytes: withSection(good, '.livepatch.depends', { size: 0n }),
      answer: 'refused special-sections EINVAL: p: .livepatch.depends is empty',
    },
    {
      title: 'no build-id',
      bytes: tinyPayload({ buildId: null }),
      answer: 'refused special-sections EINVAL: p: .note.gnu.build-id is missing',
    },
    {
      title: 'no .livepatch.xen_depends',
      bytes: tinyPayload({ xenDepends: null }),
      answer: 'refused special-sections EINVAL: p: .livepatch.xen_depends is missing',
      but: inRelease(
        ['4.18.4', '4.20.4', '4.22.0'],
        'refused xen-build-id EINVAL: p: section .livepatch.xen_depends is missing',
      ),
    },
    {
      title: 'nothing to patch',
      bytes: withSection(good, '.livepatch.funcs', { name: 1n }),
      answer: 'refused patching-sections EINVAL: p: Nothing to patch. Aborting...',
    },
    {
      title: 'empty .livepatch.funcs',
      bytes: tinyPayload({ functions: [] }),
      answer: 'refused patching-sections EINVAL: p: .livepatch.funcs is empty',
    },
  ],
  functions: [
    {
      title: 'a size that is no multiple',
      bytes: withSection(good, '.livepatch.funcs', { size: 103n }),
      answer:
        'refused functions EINVAL: p: Wrong size 103 of .livepatch.funcs (must be multiple of 104)',
    },
    {
      title: 'version 1',
      bytes: absolute({ version: 1 }),
      answer: 'refused functions EOPNOTSUPP: p: Wrong version (1). Expected 2',
    },
    {
      title: 'old_size 0',
      bytes: absolute({ oldSize: 0 }),
      answer: 'refused functions EINVAL: p: Address or size fields are zero',
    },
    {
      title: 'an unknown function',
      bytes: absolute({ name: 'gone' }),
      answer: 'refused functions ENOENT: p: Could not resolve old address of gone',
    },
    {
      title: 'an unknown function that is too small: which comes first changed',
      bytes: absolute({ name: 'gone', oldSize: 4 }),
      answer: 'refused functions ENOENT: p: Could not resolve old address of gone',
      but: { '4.14.0': 'refused functions EINVAL' },
    },
    { title: 'room for a jump', bytes: absolute({ oldSize: 5 }), answer: 'accepted' },
    {
      title: 'no room for a jump',
      bytes: absolute({ oldSize: 4 }),
      answer: 'refused functions EINVAL',
    },
    {
      title: 'no room behind ENDBR64',
      bytes: absolute({ name: 'endbr_fn', oldSize: 8 }),
      answer: 'refused functions EINVAL',
      but: { '4.14.0': 'accepted' },
    },
    {
      title: 'room behind ENDBR64',
      bytes: absolute({ name: 'endbr_fn', oldSize: 9 }),
      answer: 'accepted',
    },
    {
      title: 'no room behind a poisoned ENDBR64',
      bytes: absolute({ name: 'poisoned_fn', oldSize: 8 }),
      answer: 'refused functions EINVAL',
      but: { '4.14.0': 'accepted', '4.14.6': 'accepted' },
    },
    {
      title: 'a NOP of 31 bytes',
      bytes: absolute({ newAddress: null, newSize: 31 }),
      answer: 'accepted',
    },
    {
      title: 'a NOP of 32 bytes',
      bytes: absolute({ newAddress: null, newSize: 32 }),
      answer: 'refused functions EOPNOTSUPP',
    },
    {
      title: 'a NOP longer than the function',
      bytes: absolute({ newAddress: null, newSize: 9, oldSize: 8 }),
      answer: 'refused functions EINVAL',
    },
    {
      title: 'further than 2 GiB',
      bytes: absolute({ oldAddress: FAR }),
      answer: 'refused functions EOVERFLOW',
    },
    {
      title: 'an old address that is not mapped: read for ENDBR64',
      bytes: absolute({ oldAddress: NOWHERE }),
      answer: 'fatal functions: read of unmapped address ffff82d07fff0000',
      but: { '4.14.0': 'accepted' },
    },
    {
      title: 'no name',
      bytes: absolute({ name: null }),
      answer: 'fatal functions: read of unmapped address 0000000000000000',
    },
    {
      title: '.livepatch.funcs that is not loaded',
      bytes: without('.livepatch.funcs'),
      answer: 'fatal functions: read of unmapped address 0000000000000020',
      // There the entries are read from the file, where they are not relocated.
      but: inRelease(
        ['4.18.4', '4.20.4', '4.22.0'],
        'fatal functions: read of unmapped address 0000000000000000',
      ),
    },
  ],
  hooks: [
    {
      title: 'an odd size',
      bytes: section('.livepatch.hooks.load', new Uint8Array(9)),
      answer:
        'refused hooks EINVAL: p: Wrong size 9 of .livepatch.hooks.load (must be multiple of 8)',
    },
    {
      title: 'two pre-apply hooks',
      bytes: tinyPayload({ hooks: { preapply: ['hook_a', 'hook_b'] } }),
      answer: 'refused hooks EINVAL',
    },
    {
      title: 'two load hooks',
      bytes: tinyPayload({ hooks: { load: ['hook_a', 'hook_b'] } }),
      // Symbols of hooks are new symbols.
      answer: 'accepted',
    },
  ],
  'build-ids': [
    {
      title: 'no note in the build-id',
      bytes: withSection(good, '.note.gnu.build-id', { size: 12n }),
      answer: 'refused own-build-id EINVAL',
    },
    {
      title: 'a note of another type',
      bytes: withContents(good, '.note.gnu.build-id', 8, 4, 4n),
      answer: 'refused own-build-id EINVAL',
      but: inRelease(['4.18.4', '4.20.4', '4.22.0'], 'refused own-build-id ENODATA'),
    },
    {
      title: 'a note of another owner',
      bytes: withContents(good, '.livepatch.depends', 12, 1, 65n),
      answer: 'refused depends EINVAL',
      but: inRelease(['4.18.4', '4.20.4', '4.22.0'], 'refused depends ENODATA'),
    },
    {
      title: 'an id longer than its section',
      bytes: withContents(good, '.livepatch.depends', 4, 4, 21n),
      answer: 'refused depends EINVAL',
    },
    {
      title: 'sizes that wrap around 2^32',
      bytes: withContents(good, '.livepatch.depends', 4, 4, 0xffff_ffffn),
      answer: 'refused depends EINVAL',
    },
    {
      title: 'an empty id',
      bytes: withContents(good, '.livepatch.depends', 4, 4, 0n),
      answer: 'refused depends EINVAL',
    },
    {
      title: 'another hypervisor',
      bytes: tinyPayload({ xenDepends: note(idBytes(0x44)) }),
      answer: 'refused xen-build-id EINVAL: p: check against hypervisor build-id failed',
      but: inRelease(
        ['4.18.4', '4.20.4', '4.22.0'],
        `refused xen-build-id EINVAL:         xen: ${'33'.repeat(20)}`,
      ),
    },
    {
      title: 'another hypervisor and an unknown import: which comes first changed',
      bytes: tinyPayload({ xenDepends: note(idBytes(0x44)), extraSymbols: [{ name: 'gone' }] }),
      answer: 'refused symbol-resolution ENOENT: p: Unknown symbol: gone',
      but: inRelease(
        ['4.18.4', '4.20.4', '4.22.0'],
        `refused xen-build-id EINVAL:         xen: ${'33'.repeat(20)}`,
      ),
    },
    {
      title: 'a damaged .livepatch.xen_depends',
      bytes: withContents(good, '.livepatch.xen_depends', 8, 4, 4n),
      answer: 'refused xen-depends EINVAL',
      but: inRelease(
        ['4.18.4', '4.20.4', '4.22.0'],
        'refused xen-build-id EINVAL: p: failed to parse section .livepatch.xen_depends as build-id: -61',
      ),
    },
    ...(['.note.gnu.build-id', '.livepatch.depends'] as const).map((name) => ({
      title: `${name} that is not loaded`,
      bytes: without(name),
      answer: `fatal ${name === '.livepatch.depends' ? 'depends' : 'own-build-id'}: read of unmapped address 0000000000000000`,
      but: inRelease(['4.18.4', '4.20.4', '4.22.0'], 'accepted'),
    })),
    {
      title: '.livepatch.xen_depends that is not loaded',
      bytes: without('.livepatch.xen_depends'),
      answer: 'fatal xen-depends: read of unmapped address 0000000000000000',
      but: inRelease(['4.18.4', '4.20.4', '4.22.0'], 'accepted'),
    },
  ],
  'tables of the build tools': [
    {
      title: 'odd bug frames',
      bytes: section('.bug_frames.2', new Uint8Array(7)),
      answer: 'refused bug-frames EINVAL: p: Wrong size 7 of .bug_frames.2 (must be multiple of 8)',
    },
    {
      title: 'bug frames of a kind that Xen does not look for',
      bytes: section('.bug_frames.4', new Uint8Array(7)),
      answer: 'accepted',
    },
    {
      title: 'odd alternatives',
      bytes: section('.altinstructions', new Uint8Array(13)),
      answer:
        'refused alternatives EINVAL: p: Wrong size 13 of .altinstructions (must be multiple of 14)',
    },
    {
      title: 'no alternatives in the section',
      bytes: section('.altinstructions', new Uint8Array(0)),
      answer: 'accepted',
    },
    { title: 'alternatives', bytes: alternatives({}), answer: 'accepted' },
    {
      title: 'alternatives without replacements',
      bytes: alternatives({}, { withReplacement: false }),
      answer:
        'refused alternatives EINVAL: p .altinstructions provided, but no .altinstr_replacement',
      but: { '4.14.0': 'accepted', '4.14.6': 'accepted', '4.17.2': 'accepted' },
    },
    {
      title: 'a replacement longer than the site',
      bytes: alternatives({ replacement: 6 }),
      answer: 'fatal alternatives: BUG_ON in _apply_alternatives: replacement size 6 larger than 5',
      but: inRelease(
        ['4.18.4', '4.20.4', '4.22.0'],
        'refused alternatives ENOSPC: p applying alternatives failed: -28',
      ),
    },
    {
      title: 'a feature past the last',
      bytes: alternatives({ feature: 22 * 32 }),
      answer: 'refused alternatives ERANGE: p applying alternatives failed: -34',
      but: {
        '4.14.0': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 704 not below 416',
        '4.14.6': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 704 not below 608',
        '4.17.2': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 704 not below 608',
        '4.17.7': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 704 not below 672',
      },
    },
    {
      title: 'the last feature of 4.22',
      bytes: alternatives({ feature: 22 * 32 - 1 }),
      answer: 'refused alternatives ERANGE: p applying alternatives failed: -34',
      but: {
        '4.14.0': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 703 not below 416',
        '4.14.6': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 703 not below 608',
        '4.17.2': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 703 not below 608',
        '4.17.7': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 703 not below 672',
        '4.22.0': 'accepted',
      },
    },
    {
      title: 'an inverted feature',
      bytes: alternatives({ feature: 0x8000 }),
      answer: 'accepted',
      but: {
        '4.14.0': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 32768 not below 416',
        '4.14.6': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 32768 not below 608',
        '4.17.2': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 32768 not below 608',
        '4.18.4': 'refused alternatives ERANGE: p applying alternatives failed: -34',
      },
    },
    {
      title: 'a call that is none',
      bytes: altCall('ff 25 00 00 00 00'),
      answer: 'accepted',
      but: {
        '4.22.0': 'refused alt-call-sites EINVAL: p: Applying alternative calls failed: -22',
      },
    },
    { title: 'a call through a pointer', bytes: altCall('ff 15 00 00 00 00'), answer: 'accepted' },
    {
      title: 'odd call sites',
      bytes: section('.alt_call_sites', new Uint8Array(3)),
      answer: 'accepted',
      but: {
        '4.22.0':
          'refused alt-call-sites EINVAL: p: Wrong size 3 of .alt_call_sites (must be multiple of 4)',
      },
    },
    {
      title: 'an odd exception table',
      bytes: section('.ex_table', new Uint8Array(9)),
      answer:
        'refused exception-table EINVAL: p: Wrong size 9 of .ex_table (must be multiple of 8)',
    },
    {
      title: 'an exception table that is not loaded',
      bytes: section('.ex_table', new Uint8Array(8), 0n),
      answer: 'fatal exception-table: read of unmapped address 0000000000000000',
      but: inRelease(['4.18.4', '4.20.4', '4.22.0'], 'accepted'),
    },
  ],
  'metadata and new symbols': [
    {
      title: 'metadata that does not end in NUL',
      bytes: tinyPayload({ modinfo: Buffer.from('a=b\0c') }),
      answer: 'refused metadata EINVAL: p: Incorrect metadata format detected',
    },
    {
      title: 'metadata',
      bytes: tinyPayload({ modinfo: Buffer.from('a=b\0') }),
      answer: 'accepted',
    },
    {
      title: 'a symbol that Xen has',
      bytes: tinyPayload({ extraSymbols: [{ name: 'other_fn', section: '.text', value: 16n }] }),
      answer: 'refused new-symbols EEXIST: p: duplicate new symbol: other_fn',
    },
    {
      title: 'the replacing function may have a name that Xen has',
      bytes: tinyPayload({
        functions: [plainFunction({ newAddress: 'plain_fn' })],
      }),
      answer: 'accepted',
    },
  ],
};

/** One answer for several releases. */
function inRelease(releases: readonly Release[], answer: string): Partial<Record<Release, string>> {
  return Object.fromEntries(releases.map((release) => [release, answer]));
}

for (const [stage, cases] of Object.entries(STAGES)) {
  describe(`upload: ${stage}`, () => {
    for (const { title, bytes, answer, but } of cases) {
      it(title, () => {
        const answers = RELEASES.map((release) => {
          const model = tinyModel(release);
          const result = upload(model, 'p', bytes);
          if (result.verdict.outcome.outcome !== 'accepted') assert.equal(result.model, model);
          return [release, verdictLine(result)];
        });
        const expected = RELEASES.map((release) => [release, but?.[release] ?? answer]);
        assert.deepEqual(answers, expected);
      });
    }
  });
}

describe('upload: what no single release table shows', () => {
  it('empty .modinfo is read 4 GiB behind its start', () => {
    for (const release of RELEASES) {
      const { verdict } = upload(
        tinyModel(release),
        'p',
        tinyPayload({ modinfo: new Uint8Array(0) }),
      );
      assert.equal(verdict.outcome.outcome, 'fatal', release);
    }
  });

  it('an alternative outside the text is refused once the ranges are checked', () => {
    const bytes = alternatives({}, { origin: 'strings' });
    const answers = RELEASES.map((release) => upload(tinyModel(release), 'p', bytes).verdict);
    assert.deepEqual(
      answers.map(({ outcome }) => outcome.outcome),
      ['accepted', 'accepted', 'accepted', 'refused', 'refused', 'refused', 'refused'],
    );
    assert.match(answers[3]?.log[0]?.text ?? '', /^p Alternative orig [0-9a-f]{16}\+0x5 outside/);
    assert.match(answers[0]?.assumptions[0] ?? '', /the CPU has no feature 0/);
    const repl = upload(tinyModel('4.17.7'), 'p', alternatives({}, { repl: 'strings' })).verdict;
    assert.match(repl.log[0]?.text ?? '', /outside \.altinstr_replacement/);
  });

  it('a call site outside the text', () => {
    const { verdict } = upload(tinyModel('4.22.0'), 'p', altCall('ff 15 00 00 00 00', 'some_data'));
    assert.match(verdict.log[0]?.text ?? '', /^p: Alternative call [0-9a-f]{16}\+0x6 outside/);
  });

  it('the same name, the same build-id, the same new symbol', () => {
    const first = upload(tinyModel('4.17.7'), 'p', good).model;
    assert.equal(verdictLine(upload(first, 'p', good)), 'refused same-name EEXIST');
    assert.equal(verdictLine(upload(first, 'q', good)), 'refused own-build-id EEXIST');
    const other = tinyPayload({ buildId: note(idBytes(0x55)) });
    assert.equal(
      verdictLine(upload(first, 'q', other)),
      'refused new-symbols EEXIST: q: duplicate new symbol: strings',
    );
  });

  it('names and sizes', () => {
    const model = tinyModel('4.17.7');
    const answers = ['', 'n'.repeat(127), 'n'.repeat(128), 'a\0b'].map((name) =>
      verdictLine(upload(model, name, good)),
    );
    const refused = 'refused name-and-size EINVAL';
    assert.deepEqual(answers, ['accepted', 'accepted', refused, refused]);
    assert.equal(verdictLine(upload(model, 'p', new Uint8Array(0))), refused);
    assert.equal(verdictLine(upload(model, 'p', new Uint8Array(2 * 1024 * 1024 + 1))), refused);
  });

  it('a hypervisor without a build-id takes nothing', () => {
    const answers = RELEASES.map((release) =>
      verdictLine(upload(tinyModel(release, { buildId: null }), 'p', good)),
    );
    const early = 'refused xen-build-id ENODATA: p: unable to get running Xen build-id: ';
    assert.deepEqual(answers, [
      ...Array.from({ length: 4 }, () => 'refused xen-build-id ENODATA'),
      `${early}-61`,
      `${early}-61`,
      `${early}0`,
    ]);
  });

  it('imports are looked up in Xen first, then in all loaded payloads', () => {
    const exporter = tinyPayload({
      extraSymbols: [{ name: 'shared', section: '.text', value: 16n }],
    });
    const importer = tinyPayload({
      buildId: note(idBytes(2)),
      functions: [plainFunction({ name: 'shared', newAddress: 'new_shared' })],
      extraSymbols: [{ name: 'shared' }],
    }).slice();
    const alone = upload(tinyModel('4.17.7'), 'b', importer);
    assert.equal(verdictLine(alone), 'refused symbol-resolution ENOENT: b: Unknown symbol: shared');
    const loaded = upload(tinyModel('4.17.7'), 'a', exporter).model;
    // Both have a symbol called strings, the second one's names are no clash only if renamed.
    assert.match(verdictLine(upload(loaded, 'b', importer)), /duplicate new symbol: strings/);
  });
});

describe('upload: 4.12 and 4.13', () => {
  const v1 = (spec = {}) => tinyPayload({ version: 1, ...spec });
  it('take payloads of version 1 and no others', () => {
    for (const release of ['4.12.4', '4.13.5']) {
      assert.equal(verdictLine(upload(tinyModel(release), 'p', v1())), 'accepted');
    }
    assert.equal(
      verdictLine(upload(tinyModel('4.13.5'), 'p', good)),
      'refused functions EINVAL: p: Wrong size 104 of .livepatch.funcs (must be multiple of 64)',
    );
  });

  it('do not look at .livepatch.xen_depends', () => {
    assert.equal(
      verdictLine(upload(tinyModel('4.13.5'), 'p', v1({ xenDepends: null }))),
      'accepted',
    );
  });

  it('need .livepatch.funcs', () => {
    const bytes = withSection(v1(), '.livepatch.funcs', { name: 1n });
    assert.equal(
      verdictLine(upload(tinyModel('4.13.5'), 'p', bytes)),
      'refused special-sections EINVAL: p: .livepatch.funcs is missing',
    );
  });

  it('a release build of 4.12 prints no reason', () => {
    const bytes = v1({ depends: null });
    const { verdict } = upload(tinyModel('4.12.4'), 'p', bytes);
    assert.deepEqual(verdict.log, []);
    assert.equal(
      verdictLine({ verdict, model: tinyModel('4.12') }),
      'refused special-sections EINVAL',
    );
  });
});
