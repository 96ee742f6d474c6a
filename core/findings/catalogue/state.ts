import { EXIT } from '../exit-code.js';
import type { CatalogueEntry } from './entry.js';

/** The embedded hypervisor's directory. */
export const STATE = {
  'state-absent': {
    severity: 'error',
    title: 'No embedded hypervisor there',
    what: 'The directory holds no embedded hypervisor.',
    where: [],
    mend: 'Create one with xsplice-ts init.',
  },
  'state-damaged': {
    severity: 'error',
    title: 'Embedded hypervisor damaged',
    what: 'A file of the embedded hypervisor is missing, or is not what was written.',
    where: [],
    mend: 'Create it anew with xsplice-ts init.',
  },
  'state-locked': {
    severity: 'error',
    title: 'Embedded hypervisor in use',
    what: 'Another process holds the lock of the embedded hypervisor, and did not release it in time.',
    where: [],
    mend: 'Try again, or delete the lock file if no such process runs.',
    exitCode: EXIT.busy,
  },
  'state-not-writable': {
    severity: 'error',
    title: 'State directory not writable',
    what: 'The directory of the embedded hypervisor cannot be used or written to.',
    where: [],
    mend: 'Choose a directory that you may write to with --host embedded:DIR.',
  },
  'state-too-new': {
    severity: 'error',
    title: 'State of a newer version',
    what: 'The embedded hypervisor was written by a newer version of xsplice-ts.',
    where: [],
    mend: 'Update xsplice-ts, or use another directory.',
  },
} as const satisfies Readonly<Record<string, CatalogueEntry>>;
