import type { Explanation } from '../../findings/index.js';

const APPLY = 'arch_livepatch_apply (arch/x86/livepatch.c)';
const ACTION = 'livepatch_action, livepatch_do_action (common/livepatch.c)';
const ALL = 'All releases.';

/** Every hazard: a code without an entry here is none. */
export const HAZARD_EXPLANATIONS = {
  'nop-splits-instruction': {
    what: 'Xen writes as many bytes of NOP as new_size says. If they end in the middle of an instruction, what is left of it runs as something else.',
    where: [APPLY, 'livepatch_insn_len (include/xen/livepatch.h)'],
    since:
      'All releases; common since functions end in a 5-byte jump to the return thunk (4.17.6, 4.18.5, 4.19.3, 4.20.1, 4.21).',
    mend: 'Choose new_size as the sum of whole instructions: objdump -d shows them.',
  },
  'nop-falls-through': {
    what: 'The NOPs cover the whole function, its return too: execution runs into the next function.',
    where: [APPLY],
    since: ALL,
    mend: 'Replace the function by one that only returns.',
  },
  'trampoline-splits-instruction': {
    what: 'The jump overwrites a part of an instruction, and the function has an indirect jump, such as that of a switch. What is left of the instruction runs if that one leads there.',
    where: [APPLY],
    since: ALL,
    mend: 'Look at the jump table: no entry may lead into the first bytes of the function. Xen builds with retpolines have none.',
  },
  'jump-into-patch': {
    what: 'A branch of the function leads into the bytes that are overwritten: code that is running in the function, or enters it there, meets the middle of a jump or of a NOP.',
    where: [APPLY],
    since: ALL,
    mend: 'Patch the callers instead, or a function further out. Xen has no CPU inside of it while it writes, but a loop that is entered behind the jump comes back to it.',
  },
  'old-size-differs': {
    what: "Xen believes old_size. It is not the function's: the payload was made for another build, or the room for the jump is not there.",
    where: ['arch_livepatch_verify_func (arch/x86/livepatch.c)'],
    since: ALL,
    mend: 'Take the size from the xen-syms of this very hypervisor (nm -S).',
  },
  'new-size-differs': {
    what: 'The entry states a new_size that is not the size of the new code. Xen uses it only for NOPs and for what it prints.',
    where: ['livepatch_insn_len (include/xen/livepatch.h)'],
    since: ALL,
    mend: 'Set it to sizeof of the new function, as the build tools do.',
  },
  'not-a-function': {
    what: 'The old address is data, or the middle of something, or nothing with a name. Xen writes a jump wherever it is told to.',
    where: ['resolve_old_address (common/livepatch.c)', APPLY],
    since: ALL,
    mend: 'Leave old_addr 0, and give the name as Xen has it: path/file.c#name for a local function.',
  },
  'function-patched-twice': {
    what: 'Entries are applied and reverted in the same order, so that the second one of two puts back the jump of the first: it stays after the revert, and leads into memory that is gone after UNLOAD.',
    where: ['apply_payload, revert_payload (common/livepatch.c)'],
    since: ALL,
    mend: 'Keep one entry for each function.',
  },
  'function-name-unmapped': {
    what: 'The name of a function leads to no text. The loader does not read it where old_addr is given; debug key x, which lists the payloads, prints it. Whether that kills the host was not tried yet.',
    where: ['resolve_old_address, livepatch_printall (common/livepatch.c)'],
    since: ALL,
    mend: 'Build the payload again: the name of each function has to be a string in it.',
  },
  'patched-by-other': {
    what: 'The jump of the other payload is overwritten. Its fix of this function is lost without a word, although list shows it as applied.',
    where: [APPLY],
    since: ALL,
    mend: 'Build on the other payload, so that its fix is part of the new code, or replace both by one.',
  },
  'critical-code': {
    what: 'The function runs, or is on a stack, while patches are written, or is needed to take them back.',
    where: ['check_for_livepatch_work (common/livepatch.c)', 'idle_loop (arch/x86/domain.c)'],
    since: 'All releases; do_livepatch_work since 4.20.',
    mend: 'Boot a fixed hypervisor.',
  },
  'entry-code': {
    what: 'Entry and exit paths are assembly: they are reached from guests, interrupts and exceptions, with stack, registers and speculation state of their own, and NMIs at any time.',
    where: ['arch/x86/x86_64/entry.S', 'arch/x86/hvm/vmx/entry.S', 'arch/x86/hvm/svm/entry.S'],
    since: ALL,
    mend: 'Boot a fixed hypervisor.',
  },
  'init-code': {
    what: 'Code of init sections is unmapped when Xen has booted. Since 4.17 (4.14.5, 4.15.3, 4.16.1) reading it for ENDBR64 kills the host at upload, NOPs and earlier releases at APPLY.',
    where: ['init_done (arch/x86/setup.c)', 'arch_livepatch_verify_func (arch/x86/livepatch.c)'],
    since: ALL,
    mend: 'Take the function out: it has run, and will not run again.',
  },
  'ambiguous-symbol': {
    what: "Xen's table has the name more than once, for different addresses. The payload gets the first that is found, whichever its parent's build meant.",
    where: ['symbols_lookup_by_name (common/symbols.c)'],
    since: 'All releases without CONFIG_ENFORCE_UNIQUE_SYMBOLS.',
    mend: 'Give the address in old_addr, or build Xen with unique symbols.',
  },
  'bound-to-stranger': {
    what: 'The name is found in a loaded payload that is not below this one. Xen does not count who uses whom: UNLOAD of the other one leaves links to memory that is gone.',
    where: ['livepatch_symbols_lookup_by_name, free_payload (common/livepatch.c)'],
    since: ALL,
    mend: 'Build on the payload that has the symbol, or unload it before the upload.',
  },
  'kept-in-freed-memory': {
    what: 'A section that is not allocated keeps its address in the uploaded file, and Xen goes on using it after the file is freed.',
    where: ['livepatch_upload, move_payload (common/livepatch.c)'],
    since:
      '4.20 (4.18.4, 4.19.1). Before, such a section is at NULL, which kills the host at upload.',
    mend: 'Allocate every section that Xen uses: flag A in readelf -S.',
  },
  'data-prevents-reapply': {
    what: 'Writable data other than .livepatch.funcs: after a revert, APPLY refuses (and REPLACE does not).',
    where: ['move_payload (safe_to_reapply)', ACTION],
    since: ALL,
    mend: 'Keep the file, to unload and upload it again; or make the data const.',
  },
  'hooks-prevent-replace': {
    what: 'Hooks before and after apply and revert veto any REPLACE, by this or by any other payload.',
    where: ['has_payload_any_vetoing_hooks (common/livepatch.c)'],
    since: '4.14.',
    mend: 'Revert it before a REPLACE.',
  },
  'replace-reapplies-dirty-data': {
    what: 'REPLACE does not ask whether the payload was reverted before: its code runs with the data it left.',
    where: [ACTION],
    since: ALL,
    mend: 'Unload it and upload it anew.',
  },
  'replace-expectations-fail': {
    what: 'REPLACE reverts everything first and looks at the expectations then. If they fail, the host runs with no patch (SYSTEM MIGHT BE INSECURE).',
    where: ['livepatch_do_action, livepatch_check_expectations (common/livepatch.c)'],
    since: '4.14.',
    mend: 'Build the payload against the unpatched code.',
  },
  'replace-loses-hooks': {
    what: 'The hooks of what is replaced did work (a datum changed, a structure grown) that the new payload has no hook for. Unload hooks do run.',
    where: [ACTION],
    since: ALL,
    mend: 'Give the cumulative payload the hooks of all that it replaces.',
  },
} as const satisfies Readonly<Record<string, Explanation>>;

export type HazardCode = keyof typeof HAZARD_EXPLANATIONS;
