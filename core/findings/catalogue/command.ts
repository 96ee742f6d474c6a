import { EXIT } from '../exit-code.js';
import type { CatalogueEntry } from './entry.js';

/** What was typed, and the files that were named. */
export const COMMAND = {
  usage: {
    severity: 'error',
    title: 'Wrong usage',
    what: 'What was typed is no command, or its options and arguments do not go together.',
    where: [],
    mend: 'xsplice-ts --help lists the commands, xsplice-ts COMMAND --help their options.',
    exitCode: EXIT.usage,
  },
  'unknown-code': {
    severity: 'error',
    title: 'No such code',
    what: 'There is neither a finding, an error nor a stage of this name.',
    where: [],
    mend: 'xsplice-ts explain lists all of them.',
    exitCode: EXIT.usage,
  },
  'needs-file': {
    severity: 'error',
    title: 'File needed',
    what: 'Old code is to be compared, and what a payload was made against is told by its file only.',
    where: [],
    mend: 'Give the file: one that is uploaded already is used as it is.',
  },
  'no-payloads': {
    severity: 'error',
    title: 'No payload given',
    what: 'No payload file was given, or a directory holds no *.livepatch file.',
    where: [],
    mend: 'Give payload files, or directories that hold some.',
  },
  'too-many-files': {
    severity: 'error',
    title: 'Too many files',
    what: 'More payload files were given than any host holds.',
    where: [],
    mend: 'Name the files, or a directory with only those that are meant.',
  },
  'file-not-found': {
    severity: 'error',
    title: 'File not there',
    what: 'There is no file of this name.',
    where: [],
    mend: 'Check how the path is written.',
  },
  'file-not-readable': {
    severity: 'error',
    title: 'File not readable',
    what: 'The file is there and cannot be read.',
    where: [],
    mend: 'Check the path and its permissions.',
  },
  'file-not-writable': {
    severity: 'error',
    title: 'File not writable',
    what: 'The file cannot be written. It has its old content.',
    where: [],
    mend: 'Make it writable, or choose another file with --output.',
  },
  'file-changed': {
    severity: 'error',
    title: 'File changed while it was read',
    what: 'Size or time of the file changed while it was read, so what was read may be half of two files.',
    where: [],
    mend: 'Run the command again once nothing writes to it.',
  },
  'file-too-large': {
    severity: 'error',
    title: 'File too large for an image',
    what: 'The file has more bytes than any hypervisor image.',
    where: [],
    mend: 'A hypervisor image has some ten MiB. Is this the right file?',
  },
  'not-a-file': {
    severity: 'error',
    title: 'No regular file',
    what: 'The path leads to a directory, a FIFO or a device. Only regular files are read and written.',
    where: [],
    mend: 'Name a regular file.',
  },
  'internal-error': {
    severity: 'error',
    title: 'Error in xsplice-ts',
    what: 'This program broke a promise of its own.',
    where: [],
    mend: 'Run it again with --verbose, which adds the place in the code, and report that.',
  },
} as const satisfies Readonly<Record<string, CatalogueEntry>>;
