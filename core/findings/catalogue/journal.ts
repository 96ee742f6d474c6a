import { entries } from './entry.js';

/** What keeps a change from being remembered. Who needs the change all the same lets it pass. */
export const JOURNAL = entries({
  'journal-not-writable': {
    severity: 'error',
    title: 'Journal not writable',
    what: 'Each step is written to the journal before the hypervisor is asked, and that is not possible. What brings something in is refused; revert and unload go on, and are not remembered.',
    where: [],
    mend: 'Make room on its disk, or name another place with --store. To change the hypervisor all the same: --accept journal-not-writable',
  },
});
