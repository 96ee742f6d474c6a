import { compilerSymbolAdvice, relocationTypeAdvice } from './compiler-advice.js';
import type { Whereabouts } from './whereabouts.js';

/** What to do, from what is known of a fault: the sentence, or how it follows from the place and the values. */
type Advice = string | ((where: Whereabouts) => string);

const DAMAGED =
  'The file was damaged, or edited after it was linked: take it from where it was made.';
const named = (name: string | undefined, other: string) => name ?? other;

/**
 * Every reason for which Xen refuses an upload or an action, or dies of it, and what helps then. A new one needs an
 * example in test/verify/advice.test.ts.
 */
const ADVICE = {
  // The request.
  'name-not-accepted':
    'A name has at most 127 bytes, and no NUL: rename the file, whose name it is.',
  'file-empty': 'The file is empty: was it copied to its end? Take it from where it was made.',
  'file-too-large':
    'Xen takes at most 2 MiB: strip debug information (strip --strip-debug), which Xen has no use for.',
  'name-taken':
    'A payload of that name is loaded: rename the file, or unload that one; list shows what it is.',
  // The ELF header.
  'file-too-short': 'The file ends within its header: it was cut short. Copy it again.',
  'not-elf': 'This is no ELF file: is it compressed, or another file of that name?',
  'elf-version': DAMAGED,
  'elf-osabi':
    'Something in it uses SHF_GNU_RETAIN (__attribute__((retain)) or -fretain…), IFUNC or STB_GNU_UNIQUE, which makes the assembler set EI_OSABI to GNU: do without.',
  'elf-abi-version': DAMAGED,
  'elf-type':
    'It was linked to an end: link it with ld -r, without -shared, -pie or a linker script of a program.',
  'elf-segments': 'It has program headers, so it was linked as a program: link it with ld -r.',
  'elf-machine':
    'It was compiled for another processor: compile it for the one of this Xen (x86-64, 64 bits).',
  'section-count':
    'Each function has a section of its own: compile without -ffunction-sections and -fdata-sections, or join them with ld -r -T SCRIPT.',
  'header-fields': DAMAGED,
  // The section table.
  'section-outside': DAMAGED,
  'section-alignment': DAMAGED,
  'section-address': DAMAGED,
  'bss-too-large': 'A section of zeros has more than 2 MiB: allocate such memory in a load hook.',
  'symbol-tables':
    'Keep one symbol table: .dynsym of a shared object is a second one; link with ld -r.',
  'no-symbol-table':
    'Its symbols were stripped, and Xen needs them: strip with --strip-debug only.',
  'symbol-table-damaged': DAMAGED,
  'symbol-table-link': DAMAGED,
  'string-table-damaged': DAMAGED,
  'section-names-damaged': DAMAGED,
  'symbol-name-outside': DAMAGED,
  'symbol-count': DAMAGED,
  // Placement.
  'write-and-execute': ({ section }) =>
    `${named(section, 'A section')} is both writable and executable: give code and data sections of their own (flags "ax" and "aw").`,
  'no-room':
    'There is no room behind Xen: unload payloads that are not needed, or make this one smaller.',
  'size-wraps': DAMAGED,
  // Symbols.
  'common-symbol': ({ symbol }) =>
    `${named(symbol, 'The symbol')} is a common symbol, an uninitialised global of old C: compile with -fno-common.`,
  'unknown-symbol': ({ symbol = '' }) =>
    compilerSymbolAdvice(symbol) ??
    (symbol.includes('#')
      ? 'This Xen has no local symbol of that name in that file: it was inlined, or the payload was built for another build.'
      : 'Neither this Xen nor a loaded payload has it: build the payload against this very Xen, or upload what defines it first.'),
  'symbol-section': DAMAGED,
  // Relocations.
  'relocation-link': DAMAGED,
  'relocation-header': DAMAGED,
  'relocation-without-addend':
    'Its relocations have no addends (SHT_REL), which no assembler for x86-64 makes: was it converted with objcopy -O?',
  'relocation-without-symbol': ({ section }) => {
    const name = (section ?? '').replace(/^\.rela/, '');
    return name === '.eh_frame'
      ? 'A relocation without a symbol in .eh_frame, left by a COMDAT copy that the linker dropped: compile with -fno-asynchronous-unwind-tables, or remove .eh_frame before linking.'
      : `A relocation without a symbol in ${name || 'a section'}: what it was for was dropped when linking (COMDAT, --gc-sections). Keep it, or remove the section that refers to it.`;
  },
  'relocation-symbol-index': DAMAGED,
  'relocation-to-unloaded': ({ section, symbol }) =>
    `${named(section, 'A relocation')} refers to ${named(symbol, 'a symbol')} in a section that is not loaded: give that section the flag alloc, or remove the reference.`,
  'relocation-outside': DAMAGED,
  'relocation-overflow': ({ symbol }) =>
    `${named(symbol, 'The target')} is further than 2 GiB away: take its address as a 64-bit value (a pointer in data).`,
  'relocation-type': ({ actual = '' }) => relocationTypeAdvice(actual),
  'relocation-target-null': DAMAGED,
  'relocation-tables-overlap': DAMAGED,
  // Sections that have to be there.
  'section-missing': ({ section }) =>
    section === '.note.gnu.build-id'
      ? 'Link it with ld -r --build-id=sha1.'
      : section === '.livepatch.funcs'
        ? 'Up to 4.13 a payload needs .livepatch.funcs: hooks alone are not enough.'
        : `Add the note of the parent's or the hypervisor's build-id: objcopy --add-section ${named(section, '.livepatch.depends')}=NOTE --set-section-flags ${named(section, '.livepatch.depends')}=alloc,readonly.`,
  'section-empty': ({ section }) =>
    `${named(section, 'The section')} is empty: fill it, or remove it.`,
  'nothing-to-patch':
    'It has neither .livepatch.funcs nor a hook: were they dropped when linking (--gc-sections), or is their name misspelt?',
  // Functions.
  'entries-not-whole': ({ section }) =>
    section === '.livepatch.funcs'
      ? 'Its entries have another size: it was compiled with the headers of another Xen (64 bytes up to 4.13, 104 since).'
      : `${named(section, 'The section')} does not hold whole entries: was something else put into it?`,
  'too-many-functions': DAMAGED,
  'payload-version': ({ actual = '' }) =>
    `It was compiled with the headers of another Xen (${actual}): up to 4.13 entries have version 1, since then 2. Compile it with those of this Xen.`,
  'old-size-zero': ({ symbol }) =>
    `Set old_size to the size of ${named(symbol, 'the function')} in this xen-syms (nm -S).`,
  'function-not-found': ({ symbol = '' }) =>
    symbol.includes('#')
      ? 'This Xen has no local function of that name in that file: it was inlined, or the payload was built for another build.'
      : 'This Xen has no global function of that name. A local one is called path/file.c#name; one that was inlined everywhere has none.',
  'nop-too-long': 'At most 31 bytes can be NOPs: replace the function by one that does nothing.',
  'nop-longer-than-function':
    'new_size is larger than old_size: NOP no more bytes than the function has.',
  'no-room-for-jump':
    'The function is shorter than the jump that Xen writes (5 bytes, 9 behind ENDBR64): patch its callers instead.',
  'function-too-far':
    'old_addr is further than 2 GiB from the payload, so it is no address of this Xen: leave it 0.',
  'functions-not-loaded':
    'Mark it to be loaded: objcopy --set-section-flags .livepatch.funcs=alloc,data.',
  'function-name-nowhere':
    'Its name pointer leads nowhere, and old_addr is 0: the relocations of .livepatch.funcs are missing or wrong.',
  'function-relocations-skipped': ({ section }) =>
    `Xen does not perform ${named(section, 'the relocations')} of .livepatch.funcs: build without compact relocations (no -Wa,--crel).`,
  'old-address-unmapped': ({ actual }) =>
    `Nothing is mapped at ${named(actual, 'old_addr')} once Xen has booted: an __init function, or an address of another build.`,
  // Hooks and what else the loader reads.
  'hook-size': ({ section }) =>
    `${named(section, 'The hook')} may hold one pointer: use its macro of xen/livepatch_payload.h once.`,
  'id-not-first-note': ({ section }) =>
    section === '.note.gnu.build-id'
      ? 'Only the first note counts, and it is no build-id: link with --build-id=sha1, and keep others out (.note.gnu.property: -fcf-protection=none, or objcopy --remove-section).'
      : `Only the first note of ${named(section, 'the section')} counts: fill it with the note as it is (namesz 4, the id's length, type 3, GNU, the id).`,
  'id-not-loaded': ({ section }) =>
    `Mark it to be loaded: objcopy --set-section-flags ${named(section, 'SECTION')}=alloc,readonly.`,
  'build-id-loaded': 'A payload with this build-id is loaded under another name: look at list.',
  'other-hypervisor': ({ expected, actual }) =>
    expected?.length === 32 && actual?.length === 40
      ? 'This hypervisor has an id of 16 bytes, as the EFI build (xen.efi) has: take a payload that was built for xen.efi, or boot xen.gz.'
      : 'It was built for another build of Xen: take the payload that was built for this build-id, since one for the same version does not do.',
  'hypervisor-without-id':
    'This hypervisor was linked without a build-id, and takes no payload at all.',
  'alternatives-without-text':
    'There are alternatives and no code: was .text dropped when linking?',
  'alternatives-without-replacements':
    '.altinstr_replacement is missing: was it dropped when linking?',
  'alternative-outside-text':
    'An alternative is not for code of this payload: its relocations were edited, or the code it is for was dropped.',
  'replacement-outside':
    'The replacement of an alternative is not in .altinstr_replacement: it was dropped, or moved by a linker script.',
  'alternative-invalid':
    'An alternative does not fit this Xen: it was compiled with the headers of another one (features come with point releases).',
  'alternative-writes-outside':
    'An alternative makes Xen write outside the payload: its relocations in .rela.altinstructions are wrong.',
  'alternatives-not-loaded':
    'Mark .altinstructions to be loaded: objcopy --set-section-flags .altinstructions=alloc,readonly.',
  'call-outside-text':
    'An entry of .alt_call_sites is not for code of this payload: the code it is for was dropped.',
  'call-not-a-call':
    'An entry of .alt_call_sites leads to no call through a pointer: it was compiled with the headers of another Xen.',
  'call-pointer-nowhere':
    'The pointer of an alternative call lies nowhere: its relocation is missing or wrong.',
  'exception-table':
    'Its exception table leads out of memory: mark .ex_table to be loaded (alloc), and keep its relocations.',
  'metadata-unterminated': 'End each key=value string of .modinfo with a NUL.',
  'metadata-empty': 'An empty .modinfo is read 4 GiB behind its start: leave the section out.',
  'symbol-exists': ({ symbol = '' }) =>
    /\.(?:lto_priv|llvm)\./.test(symbol)
      ? `${symbol} was made by link-time optimisation: compile with -fno-lto.`
      : `Xen or a loaded payload has ${symbol || 'the symbol'} already. Rename it, strip it where it is local (objcopy --strip-symbol), or unload the payload that has it.`,
  // Actions.
  'not-loaded': 'Look at list for the names that are loaded, and upload the file first.',
  'still-applied': 'It is applied, and its code may be running: revert it first.',
  'not-on-top': ({ actual }) =>
    `Only what was applied last can be reverted, and that is ${named(actual, 'another one')}: revert --to takes off what is above as well.`,
  'data-not-fresh':
    'It was reverted, and its own data may be in any state: unload it and upload it anew. A payload without writable data can be applied again.',
  'other-parent': ({ expected, actual }) =>
    `It was built on ${named(actual, 'something else')}, and what it would be applied on is ${named(expected, 'another build')}: apply what it was built on first, or take the payload that was built on this.`,
  'expectation-without-code':
    'It expects bytes of a function that has no address: its old_addr and its name are missing.',
  'expectation-reserved':
    'Reserved bits of the expectation are set: fill in enabled, len and data alone, and zero the rest.',
  'expectation-too-long': ({ symbol }) =>
    `It expects more bytes of ${named(symbol, 'the function')} than old_size says that there are: shorten the expectation.`,
  'expectation-differs': ({ symbol }) =>
    `${named(symbol, 'The function')} begins with other bytes than the payload was made against: another payload has changed it, Xen did at its boot (alternatives, ENDBR64), or it is another build. Make the expectation from what runs.`,
  'vetoing-hooks':
    'Of hooks that may say no, one is in this payload or in an applied one: revert those that are applied, then apply this one.',
  'hook-nowhere': ({ section }) =>
    `${named(section, 'A hook')} leads nowhere: its pointer was not relocated, or the section with the code is not loaded (objcopy --set-section-flags SECTION=alloc,code).`,
  'texts-nowhere': ({ section }) =>
    `${named(section, '.modinfo')} is not loaded, and Xen prints it when it applies: objcopy --set-section-flags ${named(section, '.modinfo')}=alloc,readonly.`,
  'old-code-nowhere':
    'What it replaces is not there any more, or may not be written: was the payload with that code unloaded? Unload this one too, and upload both anew.',
  'nop-shorter-than-endbr': ({ symbol }) =>
    `${named(symbol, 'The function')} begins with ENDBR64, which is kept: NOP more than its 4 bytes.`,
  'functions-read-only':
    'This release keeps its state in .livepatch.funcs, which is read-only in the payload: objcopy --set-section-flags .livepatch.funcs=alloc,data cures it.',
  // What no other row says.
  'leads-nowhere': DAMAGED,
} as const satisfies Readonly<Record<string, Advice>>;

/** Why Xen refuses, or dies: of an upload and of the actions. */
export type Reason = keyof typeof ADVICE;

/** Every reason. */
export const REASONS: readonly Reason[] = Object.keys(ADVICE).filter((name): name is Reason =>
  Object.hasOwn(ADVICE, name),
);

/** What helps against a fault with this reason, as far as its place and values are known. */
export function adviceOf(reason: Reason, where: Whereabouts): string {
  const advice: Advice = ADVICE[reason];
  return typeof advice === 'string' ? advice : advice(where);
}
