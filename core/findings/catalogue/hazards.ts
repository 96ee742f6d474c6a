import { entries } from './entry.js';

const APPLY = 'arch_livepatch_apply (arch/x86/livepatch.c)';
const ACTION = 'livepatch_action, livepatch_do_action (common/livepatch.c)';
const ALL = 'All releases.';

/**
 * What Xen accepts and what is dangerous all the same: the codes of core/hazards.
 *
 * An error is one of which it is known that the host dies, or that a fix is lost in silence, with nothing else
 * having to happen. A warning is one that hangs on a condition, or that nobody has seen kill a Xen yet: NOPs over
 * a return, code of init sections (where Xen reads it, the verdict is fatal anyway), memory that is freed, code
 * that patching needs, and an unload that leaves links behind.
 */
export const HAZARDS = entries({
  'nop-splits-instruction': {
    severity: 'error',
    title: 'NOPs end inside an instruction',
    what: 'Xen writes as many bytes of NOP as new_size says. If they end in the middle of an instruction, what is left of it runs as something else.',
    where: [APPLY, 'livepatch_insn_len (include/xen/livepatch.h)'],
    since:
      'All releases; common since functions end in a 5-byte jump to the return thunk (4.17.6, 4.18.5, 4.19.3, 4.20.1, 4.21).',
    mend: 'Choose new_size as the sum of whole instructions: objdump -d shows them.',
  },
  'nop-falls-through': {
    severity: 'error',
    title: 'NOPs cover the return',
    what: 'The NOPs cover the whole function, its return too: execution runs into the next function.',
    where: [APPLY],
    since: ALL,
    mend: 'Leave the last instruction, or replace the function by one that only returns.',
  },
  'trampoline-splits-instruction': {
    severity: 'warning',
    title: 'Jump ends inside an instruction',
    what: 'The jump overwrites a part of an instruction, and the function has an indirect jump, such as that of a switch. What is left of the instruction runs if that one leads there.',
    where: [APPLY],
    since: ALL,
    mend: 'Look at the jump table: no entry may lead into the first bytes of the function. Xen builds with retpolines have none.',
  },
  'jump-into-patch': {
    severity: 'warning',
    title: 'Branch into the overwritten bytes',
    what: 'A branch of the function leads into the bytes that are overwritten: code that is running in the function, or enters it there, meets the middle of a jump or of a NOP.',
    where: [APPLY],
    since: ALL,
    mend: 'Patch the callers instead, or a function further out. Xen has no CPU inside of it while it writes, but a loop that is entered behind the jump comes back to it.',
  },
  'old-size-differs': {
    severity: 'warning',
    title: 'Old size differs',
    what: "Xen believes old_size, and compares with it whether there is room for the jump or the NOPs. It is not the function's. A note where a jump is written and there is room for it.",
    where: ['arch_livepatch_verify_func (arch/x86/livepatch.c)'],
    since: ALL,
    mend: 'Take the size from the xen-syms of this very hypervisor (nm -S).',
  },
  'new-size-differs': {
    severity: 'note',
    title: 'New size differs',
    what: 'The entry states a new_size that is not the size of the new code. Where there is new code, Xen does not use it.',
    where: ['livepatch_insn_len (include/xen/livepatch.h)'],
    since: ALL,
    mend: 'Set it to sizeof of the new function, as the build tools do.',
  },
  'not-a-function': {
    severity: 'warning',
    title: 'Not the start of a function',
    what: 'The old address is data, or the middle of something, or nothing with a name. Xen writes a jump wherever it is told to.',
    where: ['resolve_old_address (common/livepatch.c)', APPLY],
    since: ALL,
    mend: 'Leave old_addr 0, and give the name as Xen has it: path/file.c#name for a local function.',
  },
  'function-patched-twice': {
    severity: 'error',
    title: 'Function patched twice',
    what: 'Entries are applied and reverted in the same order, so that the second one of two puts back the jump of the first: it stays after the revert, and leads into memory that is gone after UNLOAD.',
    where: ['apply_payload, revert_payload (common/livepatch.c)'],
    since: ALL,
    mend: 'Keep one entry for each function.',
  },
  'function-name-unmapped': {
    severity: 'error',
    title: 'Function name leads nowhere',
    what: 'The name of a function leads to no text. The loader does not read it where old_addr is given; debug key x, which lists the payloads, prints it, and the host dies of that (seen on 4.14, 4.17 and 4.20).',
    where: ['resolve_old_address, livepatch_printall (common/livepatch.c)'],
    since: ALL,
    mend: 'Build the payload again: the name of each function has to be a string in it.',
  },
  'patched-by-other': {
    severity: 'error',
    title: 'Function patched by another payload',
    what: 'The jump of the other payload is overwritten. Its fix of this function is lost without a word, although list shows it as applied.',
    where: [APPLY],
    since: ALL,
    mend: 'Build on the other payload, so that its fix is part of the new code, or replace both by one.',
  },
  'unload-leaves-links': {
    severity: 'error',
    title: 'Unload leaves links behind',
    what: 'Another payload uses code or data of this one. Xen does not count who uses whom: after the UNLOAD its links lead to memory that is gone. Of a payload that is loaded and not applied it is a warning: it can go too before it runs.',
    where: ['livepatch_symbols_lookup_by_name, free_payload (common/livepatch.c)'],
    since: ALL,
    mend: 'Revert and unload the payloads that use it first.',
  },
  'critical-code': {
    severity: 'warning',
    title: 'Code that patching itself needs',
    what: 'The function runs, or is on a stack, while patches are written, or is needed to take them back.',
    where: ['check_for_livepatch_work (common/livepatch.c)', 'idle_loop (arch/x86/domain.c)'],
    since: 'All releases; do_livepatch_work since 4.20.',
    mend: 'Such a fix needs a reboot into a new hypervisor.',
  },
  'entry-code': {
    severity: 'warning',
    title: 'Entry code',
    what: 'Entry and exit paths are assembly: they are reached from guests, interrupts and exceptions, with stack, registers and speculation state of their own, and NMIs at any time.',
    where: ['arch/x86/x86_64/entry.S', 'arch/x86/hvm/vmx/entry.S', 'arch/x86/hvm/svm/entry.S'],
    since: ALL,
    mend: 'Such a fix needs a reboot into a new hypervisor.',
  },
  'init-code': {
    severity: 'error',
    title: 'Init code',
    what: 'Code of init sections is unmapped when Xen has booted. Since 4.17 (4.14.5, 4.15.3, 4.16.1) reading it for ENDBR64 kills the host at upload, NOPs and earlier releases at APPLY.',
    where: ['init_done (arch/x86/setup.c)', 'arch_livepatch_verify_func (arch/x86/livepatch.c)'],
    since: ALL,
    mend: 'Take the function out: it has run, and will not run again.',
  },
  'ambiguous-symbol': {
    severity: 'warning',
    title: 'Symbol not unique',
    what: "Xen's table has the name more than once, for different addresses. The payload gets the first that is found, whichever its parent's build meant.",
    where: ['symbols_lookup_by_name (common/symbols.c)'],
    since: 'All releases without CONFIG_ENFORCE_UNIQUE_SYMBOLS.',
    mend: 'Give the address in old_addr, or build Xen with unique symbols (CONFIG_ENFORCE_UNIQUE_SYMBOLS).',
  },
  'bound-to-stranger': {
    severity: 'warning',
    title: 'Bound to a payload it does not build on',
    what: 'The name is found in a loaded payload that is not below this one. Xen does not count who uses whom: UNLOAD of the other one leaves links to memory that is gone.',
    where: ['livepatch_symbols_lookup_by_name, free_payload (common/livepatch.c)'],
    since: ALL,
    mend: 'Build on the payload that has the symbol, or unload it before the upload.',
  },
  'kept-in-freed-memory': {
    severity: 'error',
    title: 'Kept in memory that is freed',
    what: 'A section that is not allocated keeps its address in the uploaded file, and Xen goes on using it after the file is freed.',
    where: ['livepatch_upload, move_payload (common/livepatch.c)'],
    since:
      '4.20 (4.18.4, 4.19.1). Before, such a section is at NULL, which kills the host at upload.',
    mend: 'Allocate every section that Xen uses: flag A in readelf -S.',
  },
  'data-prevents-reapply': {
    severity: 'warning',
    title: 'Data prevents another apply',
    what: 'Writable data other than .livepatch.funcs: after a revert, APPLY refuses (and REPLACE does not).',
    where: ['move_payload (safe_to_reapply)', ACTION],
    since: ALL,
    mend: 'Keep the file, to unload and upload it again; or make the data const.',
  },
  'hooks-prevent-replace': {
    severity: 'warning',
    title: 'Hooks prevent a later REPLACE',
    what: 'Hooks before and after apply and revert veto any REPLACE, by this or by any other payload.',
    where: ['has_payload_any_vetoing_hooks (common/livepatch.c)'],
    since: '4.14.',
    mend: 'Revert it before a cumulative payload is applied, or do without these hooks.',
  },
  'replace-reapplies-dirty-data': {
    severity: 'warning',
    title: 'REPLACE reapplies used data',
    what: 'REPLACE does not ask whether the payload was reverted before: its code runs with the data it left.',
    where: [ACTION],
    since: ALL,
    mend: 'Unload it and upload it anew.',
  },
  'replace-expectations-fail': {
    severity: 'warning',
    title: 'REPLACE ends without any patch',
    what: 'REPLACE reverts everything first and looks at the expectations then. If they fail, the host runs with no patch (SYSTEM MIGHT BE INSECURE).',
    where: ['livepatch_do_action, livepatch_check_expectations (common/livepatch.c)'],
    since: '4.14.',
    mend: 'Do not replace. Build the payload against the unpatched code.',
  },
  'replace-loses-hooks': {
    severity: 'warning',
    title: 'REPLACE loses the work of hooks',
    what: 'The hooks of what is replaced did work (a datum changed, a structure grown) that the new payload has no hook for. Unload hooks do run.',
    where: [ACTION],
    since: ALL,
    mend: 'Give the cumulative payload the hooks of all that it replaces.',
  },
});
