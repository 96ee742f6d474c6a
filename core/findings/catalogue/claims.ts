import { entries } from './entry.js';

const ALL = 'All releases.';

/** What a payload claims of its hypervisor, where the image says otherwise. */
export const CLAIMS = entries({
  'old-address-of-another': {
    severity: 'warning',
    title: 'Old address of another function',
    what: 'The entry names one function and gives the address of another. Xen believes the address, and patches what is there.',
    where: ['resolve_old_address (common/livepatch.c)'],
    since: ALL,
    mend: 'Leave old_addr 0, so that Xen looks the name up; or take the address from the xen-syms of this very hypervisor.',
  },
  'absolute-symbol-differs': {
    severity: 'warning',
    title: 'Absolute symbol elsewhere',
    what: 'The payload gives a symbol of Xen an address of its own. This hypervisor has it at another one: what uses it goes astray.',
    where: ['livepatch_elf_resolve_symbols (common/livepatch_elf.c)'],
    since: ALL,
    mend: 'Leave the symbol undefined: Xen finds it by its name. No --just-symbols, no --defsym with an address of another build.',
  },
  'import-differs': {
    severity: 'warning',
    title: 'Symbol of another kind or size',
    what: 'The payload takes a symbol of Xen for something else than it is in this hypervisor: code for data, data for code, or an object of another size. Xen looks for the name alone, and the payload goes wrong where it uses it.',
    where: ['livepatch_elf_resolve_symbols (common/livepatch_elf.c)'],
    since: ALL,
    mend: 'Build the payload from the source and the configuration of this very Xen.',
  },
  'endbr-missing': {
    severity: 'warning',
    title: 'Called by pointer, without ENDBR64',
    what: 'This hypervisor is built for CET-IBT, and the payload has functions that are called by a pointer and do not begin with ENDBR64, or takes the address of such a function of Xen. On a CPU where that is on, the call is a fatal control-flow fault; on others nothing happens.',
    where: ['do_entry_CP (arch/x86/traps.c)'],
    since: '4.16.',
    mend: 'Build with the flags of this Xen (-fcf-protection=branch; since 4.17 -mmanual-endbr too, and cf_check on the function).',
  },
  'jump-table': {
    severity: 'warning',
    title: 'Jump table without ENDBR64',
    what: 'This hypervisor is built for CET-IBT, and the payload has a jump table, as of a switch. Its targets do not begin with ENDBR64: on a CPU where CET-IBT is on, the jump is a fatal control-flow fault.',
    where: ['CFLAGS (arch/x86/arch.mk)'],
    since: '4.16.',
    mend: 'Compile with -fno-jump-tables, as this Xen is.',
  },
});
