import { entries } from './entry.js';

const WRITE = 'arch_livepatch_apply (arch/x86/livepatch.c)';
const ALL = 'All releases.';
const GIVE_IMAGE = 'Give the image of this hypervisor with --image: its code is compared then.';

/** What is not known of a host and would kill it, or lose a fix, where it is not as hoped. */
export const UNKNOWN = entries({
  'nop-over-unknown-code': {
    severity: 'error',
    title: 'NOPs over code that is not known',
    what: 'Xen writes as many bytes of NOP as new_size says. Without the image it is not known whether they end where an instruction ends.',
    where: [WRITE],
    since: ALL,
    mend: GIVE_IMAGE,
  },
  'replace-expects-unknown-code': {
    severity: 'error',
    title: 'REPLACE expects code that is not known',
    what: 'REPLACE compares expectations only after everything is reverted. Where one does not hold, the host runs without any patch.',
    where: ['livepatch_do_action (common/livepatch.c)'],
    since: '4.14.',
    mend: GIVE_IMAGE,
  },
  'old-address-not-known': {
    severity: 'error',
    title: 'Old address not known to be mapped',
    what: 'The payload gives the address of the function itself. Xen reads there, and dies where nothing is mapped.',
    where: ['arch_livepatch_verify_func (arch/x86/livepatch.c)'],
    since: '4.17; 4.14.5, 4.15.3, 4.16.1.',
    mend: GIVE_IMAGE,
  },
  'patched-by-stranger': {
    severity: 'error',
    title: 'Patched by a payload it does not build on',
    what: 'Another applied payload patches the same function, and this one does not build on it. The jump of the other is overwritten.',
    where: [WRITE],
    since: ALL,
    mend: 'Revert the other payload first, or build this one on top of it.',
  },
  'alternative-outside': {
    severity: 'error',
    title: 'Alternative outside the payload',
    what: "Xen writes alternatives while it loads a payload. The place of this one lies outside the payload's text: whether Xen writes there depends on the CPU. Where that is read-only or not mapped the host dies, elsewhere it is damaged.",
    where: ['_apply_alternatives (arch/x86/alternative.c)'],
    since: 'Before 4.18 (4.17.4) nothing keeps an alternative inside the text.',
    mend: 'Its relocations in .rela.altinstructions are wrong: link the payload again from objects that were not edited.',
  },
});
