import type { CatalogueEntry } from './entry.js';

/** Hypervisor images: xen-syms, xen.gz, xen.efi. */
export const IMAGE = {
  'not-an-image': {
    severity: 'error',
    title: 'No hypervisor image',
    what: 'The file is something else than a hypervisor image.',
    where: [],
    mend: 'Debian: /boot/xen-*.gz, and xen-syms in the package xen-hypervisor-*-dbg, below /usr/lib/debug/boot.',
  },
  'image-damaged': {
    severity: 'error',
    title: 'Image damaged',
    what: 'A compressed image cannot be unpacked, or the headers of a PE image (xen.efi) contradict each other.',
    where: [],
    mend: 'Compare the file with the one of its package: it is damaged, or cut short.',
  },
  'image-too-large': {
    severity: 'error',
    title: 'Image too large',
    what: 'The image has more bytes, in its file or in memory, than any hypervisor.',
    where: [],
    mend: 'The image may be damaged: compare it with the one of its package.',
  },
  'image-wrong-machine': {
    severity: 'error',
    title: 'Image for another machine',
    what: 'The image is a hypervisor for another processor than x86-64. The rules of its loader are not known.',
    where: [],
    mend: 'The chain can be checked (check --build-id), what the loader answers cannot.',
  },
  'image-bad-note': {
    severity: 'error',
    title: 'Note of the image unreadable',
    what: 'A note section of the image cannot be read, so a build-id in it is not known.',
    where: [],
    mend: 'Compare the image with the one of its package.',
  },
  'image-no-build-id': {
    severity: 'error',
    title: 'Image without build-id',
    what: 'The image has neither a GNU build-id note nor a CodeView record. No payload can belong to it.',
    where: ['xen_build_init (common/version.c)'],
    since: 'All releases.',
    mend: 'Use the image that the payloads were built against. Xen has to be linked with --build-id.',
  },
  'image-no-symbols': {
    severity: 'warning',
    title: 'Image without symbols',
    what: "The image has neither a symbol table nor, to be found, Xen's own. Build-ids can be compared, and names cannot be resolved.",
    where: [],
    mend: 'Use xen-syms of the same build (Debian: package xen-hypervisor-*-dbg).',
  },
  'image-address-unknown': {
    severity: 'warning',
    title: 'Run address of the image not found',
    what: 'An ELF32 image does not state the address that Xen runs at, and its pointers fit no known one, or two.',
    where: [],
    mend: 'Use xen-syms of the same build.',
  },
  'image-no-memory': {
    severity: 'error',
    title: 'Image without addresses',
    what: 'At which address the image runs is not known, so no code of it can be looked at.',
    where: [],
    mend: 'Use xen-syms of the same build.',
  },
  'image-no-release': {
    severity: 'error',
    title: 'Release of the image unknown',
    what: 'The image does not tell its release, so it is not known which rules its loader follows.',
    where: [],
    mend: 'Say it with --xen, e.g. --xen 4.17.7.',
  },
  'wrong-image': {
    severity: 'error',
    title: 'Image of another hypervisor',
    what: 'The build-id of the image is not that of the hypervisor it is given for.',
    where: [],
    mend: 'Use the image that the hypervisor was booted from, or leave --image out.',
  },
} as const satisfies Readonly<Record<string, CatalogueEntry>>;
