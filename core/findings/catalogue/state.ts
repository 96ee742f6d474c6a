import { EXIT } from '../exit-code.js';
import { entries } from './entry.js';

/** The directories that the program keeps files and its lock in. */
export const STATE = entries({
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
    title: 'Hypervisor in use',
    what: 'Another run of xsplice-ts changes this hypervisor, and did not end in time. A run that has died holds nothing.',
    where: [],
    mend: 'Try again when it is done.',
    exitCode: EXIT.busy,
  },
  'state-not-readable': {
    severity: 'error',
    title: 'State not readable',
    what: 'The embedded hypervisor, or a file of it, could not be read. What it holds is not known.',
    where: [],
    mend: 'Run it as a user who may read the directory. If it may, look for what is wrong with the disk: dmesg',
  },
  'state-not-writable': {
    severity: 'error',
    title: 'Directory not writable',
    what: 'The directory of the embedded hypervisor, or the one of the lock, cannot be used or written to.',
    where: [],
    mend: 'Make room on its disk, or choose a directory that you may write to with --host embedded:DIR.',
  },
  'state-not-flushed': {
    severity: 'error',
    title: 'State not flushed',
    what: 'The new state is written, but the disk did not confirm that it outlives a loss of power.',
    where: [],
    mend: 'Look for what is wrong with the disk: dmesg',
  },
  'folder-not-trusted': {
    severity: 'error',
    title: 'Directory not trusted',
    what: 'A directory or file that the program keeps belongs to somebody else, may be written to by others, or is reached through a link: what is in it may not be what this program wrote.',
    where: [],
    mend: 'Use a directory that only you may write to.',
  },
  'folder-not-empty': {
    severity: 'error',
    title: 'Directory holds other things',
    what: 'A new embedded hypervisor gets a directory of its own, or that of an older one.',
    where: [],
    mend: 'Name a directory that is empty, or not there, with --host embedded:DIR.',
  },
  'state-too-new': {
    severity: 'error',
    title: 'State of a newer version',
    what: 'The embedded hypervisor was written by a newer version of xsplice-ts.',
    where: [],
    mend: 'Update xsplice-ts, or use another directory.',
  },
});
