import type { StageEntry } from './entry.js';

const COMMON = 'common/livepatch.c';
const ELF = 'common/livepatch_elf.c';
const X86 = 'arch/x86/livepatch.c';
const BUILD_TOOLS = 'Build it again with the headers and the xen-syms of this very hypervisor.';

/** Every stage of Xen's loader and of its actions, in Xen's order. core/verify demands an entry for each. */
export const STAGES = {
  'name-and-size': {
    title: 'Name and size',
    what: 'The name has 1 to 128 bytes with its closing NUL, the file 1 byte to 2 MiB. Nothing is printed.',
    where: [`verify_payload, get_name (${COMMON})`],
    since: 'All releases.',
    mend: 'Shorten the name; remove debug sections with strip --strip-debug.',
  },
  'same-name': {
    title: 'Name already loaded',
    what: 'A payload of the same name is loaded already. Nothing is printed.',
    where: [`livepatch_upload, find_payload (${COMMON})`],
    since: 'All releases.',
    mend: 'Unload the other one, or give this one another name.',
  },
  'elf-header': {
    title: 'ELF header',
    what: 'A relocatable ELF64 file for x86-64 without segments, OS ABI none or FreeBSD, fewer than 1024 sections, whose section table lies in the file.',
    where: [`livepatch_header_check (${ELF})`, `arch_livepatch_verify_elf (${X86})`],
    since: 'All releases. Up to 4.12 a release build prints no reason.',
    mend: 'Link it with ld -r for x86-64; a shared object or an executable is no payload.',
  },
  'section-table': {
    title: 'Section table',
    what: 'Contents behind the ELF header and inside the file, alignments that are powers of two, .bss of at most 2 MiB each, and exactly one symbol table with a string table. The sum of offset and size wraps at 2^64, and sh_link 0 is followed to a NULL pointer: such a file kills the host.',
    where: [`elf_resolve_sections, elf_verify_strtab (${ELF})`],
    since: 'All releases.',
    mend: 'The file is damaged or was edited after it was linked: build it again, and do not strip its symbols.',
  },
  'section-names': {
    title: 'Section names',
    what: 'A section name table that begins and ends with NUL, and names inside it.',
    where: [`elf_resolve_section_names (${ELF})`],
    since: 'All releases.',
    mend: 'The file is damaged or was edited after it was linked: build it again.',
  },
  'symbol-table': {
    title: 'Symbol table',
    what: 'Every symbol has its name inside the string table.',
    where: [`elf_get_sym (${ELF})`],
    since: 'All releases.',
    mend: 'The file is damaged or was edited after it was linked: build it again.',
  },
  placement: {
    title: 'Placement in memory',
    what: 'Sections that are allocated are copied to three areas: code, writable data, read-only data. A section that is code and writable is refused without a line, and a size that wraps around 2^64 is copied until the host dies.',
    where: [`move_payload, calc_section (${COMMON})`],
    since: 'All releases. Empty sections get a place since 4.17 (4.14.5, 4.15.3, 4.16.1).',
    mend: 'Keep code and data in sections of their own: none with the flags W and X.',
  },
  'symbol-resolution': {
    title: 'Symbol resolution',
    what: "Undefined symbols are looked up in Xen's own table, where local ones are called path/file.c#name, then among the new symbols of all loaded payloads, applied or not. Common symbols are refused.",
    where: [`livepatch_elf_resolve_symbols (${ELF})`, 'symbols_lookup_by_name (common/symbols.c)'],
    since:
      'All releases. Since 4.17 (4.14.5, 4.15.3, 4.16.1) symbols of sections that are not loaded are marked.',
    mend: 'Build it against this very Xen, upload what defines the symbol first, and compile with -fno-common.',
  },
  relocation: {
    title: 'Relocation',
    what: 'R_X86_64_64, PC32 and PLT32 with addends, inside their section, to a symbol that is loaded, and within 2 GiB. sh_info 0 is followed to a NULL pointer and kills the host.',
    where: [`livepatch_elf_perform_relocs (${ELF})`, `arch_livepatch_perform_rela (${X86})`],
    since:
      'All releases. A symbol of a section that is not loaded is refused since 4.17 (4.14.5, 4.15.3, 4.16.1); before, it was taken for an address.',
    mend: 'Compile with -fPIC -mcmodel=small -fvisibility=hidden and without -fno-plt, and allocate every section that is referred to.',
  },
  'special-sections': {
    title: 'Special sections',
    what: '.note.gnu.build-id and .livepatch.depends are there and not empty; .livepatch.xen_depends too.',
    where: [`check_special_sections (${COMMON})`],
    since:
      '.livepatch.xen_depends since 4.14; since 4.20 (4.18.4, 4.19.1) it is looked for at xen-build-id. Up to 4.13 .livepatch.funcs is demanded here.',
    mend: 'Link with --build-id, and add both notes with objcopy --add-section and --set-section-flags alloc,readonly.',
  },
  'patching-sections': {
    title: 'Patching sections',
    what: '.livepatch.funcs or a hook is there, and none that is there is empty.',
    where: [`check_patching_sections (${COMMON})`],
    since: '4.14. Before, a payload without functions was not possible.',
    mend: 'Add a function or a hook, or remove the empty section.',
  },
  functions: {
    title: 'Functions',
    what: 'For each entry of .livepatch.funcs: its version, old_size not 0, the old address by name if it is 0, room for the jump (5 bytes, 9 behind ENDBR64) or a NOP of at most 31 bytes, and a distance below 2 GiB. The old code is read: an address that is not mapped, as init code after boot, or a name that is NULL kills the host.',
    where: [
      `prepare_payload, resolve_old_address (${COMMON})`,
      `arch_livepatch_verify_func (${X86})`,
      'livepatch_verify_distance (include/xen/livepatch.h)',
    ],
    since:
      'All releases; version 1 up to 4.13. ENDBR64, and the address before the size, since 4.17 (4.14.5, 4.15.3, 4.16.1).',
    mend: 'Take names and sizes from the xen-syms of this very hypervisor, keep .livepatch.funcs allocated and its relocations complete, and leave functions below 5 bytes and __init ones alone.',
  },
  hooks: {
    title: 'Hooks',
    what: 'Hook sections hold whole pointers: load and unload any number, the others exactly one.',
    where: [`LIVEPATCH_ASSIGN_MULTI_HOOK, LIVEPATCH_ASSIGN_SINGLE_HOOK (${COMMON})`],
    since: 'All releases for load and unload, since 4.14 for the others.',
    mend: 'Use one LIVEPATCH_PREAPPLY_HOOK and the like each.',
  },
  'own-build-id': {
    title: 'Build-id of its own',
    what: 'The first note of .note.gnu.build-id is a GNU build-id, and no loaded payload has the same one, whatever its name. A note section that is not allocated is not loaded: before 4.20 (4.18.4, 4.19.1) reading it kills the host.',
    where: [`prepare_payload (${COMMON})`, 'xen_build_id_check (common/version.c)'],
    since: 'All releases. Since 4.20 (4.18.4, 4.19.1) a malformed note keeps its own errno.',
    mend: 'Link with --build-id=sha1. For EEXIST: the payload is loaded already, look at list.',
  },
  depends: {
    title: "Parent's build-id",
    what: 'The first note of .livepatch.depends is a GNU build-id. It is compared only by APPLY and REPLACE.',
    where: [`prepare_payload (${COMMON})`, 'xen_build_id_check (common/version.c)'],
    since: 'All releases. Since 4.20 (4.18.4, 4.19.1) a malformed note keeps its own errno.',
    mend: "Fill it with the parent's note as it is: namesz 4, the id's length, type 3, GNU, the id; and allocate it.",
  },
  'xen-depends': {
    title: "Hypervisor's build-id",
    what: 'The first note of .livepatch.xen_depends is a GNU build-id.',
    where: [`prepare_payload (${COMMON})`],
    since: '4.14 to 4.19.0 and 4.18.3; afterwards it is part of xen-build-id.',
    mend: "Fill it with the hypervisor's note as it is, and allocate it.",
  },
  'bug-frames': {
    title: 'Bug frames',
    what: '.bug_frames.0 to .bug_frames.3 hold whole entries of 8 bytes.',
    where: [`prepare_payload (${COMMON})`],
    since: 'All releases.',
    mend: BUILD_TOOLS,
  },
  alternatives: {
    title: 'Alternatives',
    what: "Entries of 14 bytes whose code lies in the payload's text, whose replacement lies in .altinstr_replacement and is not longer than the code, for a CPU feature that this Xen knows.",
    where: [`prepare_payload (${COMMON})`, '_apply_alternatives (arch/x86/alternative.c)'],
    since:
      'Ranges since 4.18 (4.17.4). Before 4.20 (4.18.4, 4.19.1) a replacement that is too long, or an unknown feature, is a BUG that kills the host. New features come with point releases.',
    mend: BUILD_TOOLS,
  },
  'alt-call-sites': {
    title: 'Alternative calls',
    what: "Entries of 4 bytes that lead to a 6-byte call through a pointer in the payload's text.",
    where: [`prepare_payload (${COMMON})`, 'apply_alt_calls (arch/x86/alternative.c)'],
    since: '4.21.',
    mend: BUILD_TOOLS,
  },
  'exception-table': {
    title: 'Exception table',
    what: 'Entries of 8 bytes, which are sorted in place.',
    where: [`prepare_payload (${COMMON})`, 'sort_exception_table (arch/x86/extable.c)'],
    since: 'All releases.',
    mend: BUILD_TOOLS,
  },
  metadata: {
    title: 'Metadata',
    what: '.modinfo ends in NUL. An empty one is read 4 GiB behind its start, which kills the host.',
    where: [`prepare_payload (${COMMON})`],
    since: '4.14.',
    mend: 'Close every key=value string with a NUL, or leave the section out.',
  },
  'xen-build-id': {
    title: 'Comparison with the hypervisor',
    what: "The id in .livepatch.xen_depends is the running hypervisor's. No flag skips it.",
    where: [`check_xen_buildid, before 4.20 xen_build_id_dep (${COMMON})`],
    since:
      '4.14, at the end of the load. Since 4.20 (4.18.4, 4.19.1) before anything else of the payload is looked at.',
    mend: 'Take the payload that was built for this build-id: the same version is not enough.',
  },
  'new-symbols': {
    title: 'New symbols',
    what: "A symbol of a loaded section that is not the start of a new function must not exist in Xen or in any loaded payload, related or not. Static names count: only '.L' symbols of mergeable sections are left out.",
    where: [`build_symbol_table, is_payload_symbol (${COMMON})`],
    since: 'All releases.',
    mend: 'Rename it, make it local and strip it with objcopy, or unload the payload that has it.',
  },
  lookup: {
    title: 'Lookup by name',
    what: 'No payload of this name is loaded.',
    where: [`livepatch_action, find_payload (${COMMON})`],
    since: 'All releases.',
    mend: 'Look at list; upload the file first.',
  },
  state: {
    title: 'State of the payload',
    what: 'UNLOAD takes only a payload that is not applied. APPLY of an applied and REVERT of a reverted one do nothing.',
    where: [`livepatch_action (${COMMON})`],
    since: 'All releases.',
    mend: 'Revert it first.',
  },
  'top-of-stack': {
    title: 'Top of the stack',
    what: 'Only the payload that was applied last can be reverted.',
    where: [`livepatch_action (${COMMON})`],
    since: 'All releases.',
    mend: 'Revert what is above it first: revert --to NAME does.',
  },
  're-apply': {
    title: 'Another apply',
    what: 'A payload that was reverted and has writable data of its own is not applied again: its data may be in any state. The hypercall returns 0, only the payload says EINVAL.',
    where: [`livepatch_action (${COMMON})`],
    since: 'All releases.',
    mend: 'Unload it and upload it anew, or make its data const.',
  },
  dependency: {
    title: 'Comparison with the parent',
    what: "APPLY compares .livepatch.depends with the build-id of the payload on top, or the hypervisor's where none is applied; REPLACE always with the hypervisor's.",
    where: [`build_id_dep (${COMMON})`],
    since: 'All releases. NODEPS skips it for APPLY since 4.14.',
    mend: 'Apply its parent first, or build it on what is on top.',
  },
  expectations: {
    title: 'Expectations',
    what: 'The bytes at the old address are those the payload expects. REPLACE compares only after it has reverted everything: if they differ, the host runs without any patch.',
    where: [`livepatch_check_expectations (${COMMON})`],
    since: '4.14.',
    mend: 'Build it against the code that really runs: another payload may have changed the function, and Xen patches its own code at boot.',
  },
  'vetoing-hooks': {
    title: 'Vetoing hooks',
    what: 'REPLACE is refused where the new or an applied payload has a hook before or after apply or revert.',
    where: [`has_payload_any_vetoing_hooks, livepatch_applied_have_vetoing_hooks (${COMMON})`],
    since: '4.14.',
    mend: 'Revert the applied ones, then APPLY; or do without these hooks.',
  },
  patching: {
    title: 'Patching',
    what: 'With all CPUs together, hooks are called and the jumps or NOPs written. A hook that leads nowhere, a NOP shorter than the ENDBR64 in front of it, or state in a read-only .livepatch.funcs kills the host.',
    where: [`apply_payload, revert_payload (${COMMON})`, `arch_livepatch_apply (${X86})`],
    since:
      'All releases. .livepatch.funcs has to be writable in 4.16.4 to 4.16.7, 4.17.1, 4.17.2 and 4.18.0.',
    mend: 'Relocate every hook pointer, NOP at least the ENDBR64, and mark .livepatch.funcs writable for these releases.',
  },
} as const satisfies Readonly<Record<string, StageEntry>>;
