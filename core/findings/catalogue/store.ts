import type { CatalogueEntry } from './entry.js';

/** What a host remembers: its payloads, its journal, its saved stack. */
export const STORE = {
  'store-no-such-payload': {
    severity: 'error',
    title: 'Not in the store',
    what: 'No payload of the store has this name, build-id or digest.',
    where: [],
    mend: 'Look at xsplice-ts store list.',
  },
  'store-ambiguous': {
    severity: 'error',
    title: 'Several stored payloads are meant',
    what: 'The name, or the digits given, belong to more than one payload of the store.',
    where: [],
    mend: 'Give more digits of the build-id or digest.',
  },
  'store-damaged': {
    severity: 'error',
    title: 'Store damaged',
    what: 'Something in the store is not what was written. It is never uploaded.',
    where: [],
    mend: 'xsplice-ts store verify says what is wrong. Add the file anew: store add FILE.',
  },
  'store-not-readable': {
    severity: 'error',
    title: 'Store not readable',
    what: 'The store, or a file of it, could not be read.',
    where: [],
    mend: 'Run it as a user who may read it, or name another one with --store.',
  },
  'store-not-writable': {
    severity: 'error',
    title: 'Store not writable',
    what: 'The store cannot be written to. A payload is kept there before the hypervisor is touched, so nothing was changed.',
    where: [],
    mend: 'Make room on its disk, or name another one with --store. With --no-store no payload is kept.',
  },
  'store-too-new': {
    severity: 'error',
    title: 'Store of a newer version',
    what: 'The store was written by a newer version of xsplice-ts.',
    where: [],
    mend: 'Update xsplice-ts, or name another store with --store.',
  },
  'source-no-payloads': {
    severity: 'error',
    title: 'No payload for this hypervisor',
    what: 'The folder has payloads by the build-id of their hypervisor, and none for the one that runs.',
    where: [],
    mend: 'Look for payloads that are built for the running hypervisor.',
  },
} as const satisfies Readonly<Record<string, CatalogueEntry>>;
