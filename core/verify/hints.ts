import { type ErrnoName, errnoName } from '../abi/errno.js';
import { CATALOGUE, STAGES, type StageEntry } from '../findings/index.js';
import type { Outcome, VerdictStage } from './verdict.js';

/** The compiler demands that each stage has its entry in the catalogue, and that there are no others. */
const ENTRIES: Readonly<Record<VerdictStage, StageEntry>> = STAGES satisfies Readonly<
  Record<Exclude<keyof typeof STAGES, VerdictStage>, never>
>;

/** Where one stage refuses for several reasons, what to do by the errno that tells them apart. */
const BY_ERRNO: Readonly<Partial<Record<VerdictStage, Partial<Record<ErrnoName, string>>>>> = {
  'own-build-id': {
    EEXIST: 'A payload with this build-id is loaded under another name: look at list.',
  },
  functions: {
    ENOENT:
      'Xen has no function of this name: a local one is called path/file.c#name. Was it inlined, or the payload built for another hypervisor?',
    EOPNOTSUPP:
      'The entry has a version that this release does not know (1 up to 4.13, 2 since), or is a NOP of more than 31 bytes.',
    EOVERFLOW: 'The old function is further than 2 GiB from the payload: its old_addr is wrong.',
  },
  relocation: {
    EOVERFLOW: 'The target is further than 2 GiB: refer to it by a 64-bit address.',
    EOPNOTSUPP: 'Compile with -fPIC -mcmodel=small: Xen knows R_X86_64_64, PC32 and PLT32 only.',
  },
  'section-table': {
    EOPNOTSUPP: 'Keep one symbol table, and alignments that are powers of two.',
  },
  placement: {
    EOPNOTSUPP: 'A section is both writable and executable: separate code and data.',
    ENOMEM: 'There is no room behind Xen: unload payloads that are not needed.',
  },
  'xen-build-id': {
    ENODATA: 'This hypervisor was linked without a build-id, and takes no payload at all.',
  },
  expectations: {
    ERANGE: 'The expectation is longer than old_size: shorten it.',
  },
};

/** True for the name of a stage, e.g. one that came over the port as text. */
function isStage(name: string): name is VerdictStage {
  return Object.hasOwn(ENTRIES, name);
}

/** What to do next after this outcome; null where it was accepted. */
export function hintFor(outcome: Outcome): string | null {
  if (outcome.outcome === 'accepted') return null;
  const { mend } = ENTRIES[outcome.stage];
  if (outcome.outcome === 'fatal') return `Do not upload it anywhere. ${mend}`;
  const special = Object.entries(BY_ERRNO[outcome.stage] ?? {}).find(
    ([name]) => name === errnoName(outcome.errno),
  );
  return special?.[1] ?? mend;
}

/** The fix for a refusal; a general one where the hypervisor does not tell which check refused. */
export function adviceFor(stage: string | null, errno: number | null): string {
  const hint =
    stage === null || !isStage(stage)
      ? null
      : hintFor({ outcome: 'refused', stage, errno: errno ?? 0 });
  return hint ?? CATALOGUE.refused.mend;
}
