import { entries } from './entry.js';

/** What any ELF file can be wrong in: a payload, an image. */
export const ELF = entries({
  'elf-not-elf': {
    severity: 'error',
    title: 'No ELF file',
    what: 'The file does not begin with the four bytes of an ELF file.',
    where: [],
    mend: 'This is not an ELF file: is it the right one, and is it complete?',
  },
  'elf-truncated': {
    severity: 'error',
    title: 'ELF file cut short',
    what: 'A header, a table or a section would end behind the end of the file.',
    where: [],
    mend: 'The file is cut short or was damaged: compare its size and checksum with the original.',
  },
  'elf-unsupported': {
    severity: 'error',
    title: 'Unsupported form of ELF',
    what: 'The file is in a form of ELF that Xen has no use for, such as big-endian or with extended section numbering.',
    where: [],
    mend: 'Build the file for little-endian x86-64 or arm64.',
  },
  'elf-invalid': {
    severity: 'error',
    title: 'ELF field out of bounds',
    what: 'A field of the file contradicts the ELF specification or the rest of the file.',
    where: [],
    mend: 'The file is damaged or was edited after it was linked: compare it with the original, or build it again.',
  },
  'elf-too-large': {
    severity: 'error',
    title: 'ELF table too large',
    what: 'A table has more entries, or names more bytes, than this program reads of one file.',
    where: [],
    mend: 'The file is damaged, or made to exhaust its readers: do not use it.',
  },
});
