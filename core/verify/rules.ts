import { formatRelease, type XenRelease } from '../abi/release.js';
import { XspliceError } from '../findings/index.js';
import type { StageId } from './stage-id.js';

/**
 * What differs between releases, as data. Each entry names the commit's subject, the branch it first
 * appeared in, and the stable releases it was backported to (read from the branches of Xen's tree).
 */
interface Change {
  /** First minor version of 4.x that has it from its .0 on. */
  readonly since: number;
  /** Backports: minor version → first patch level that has it. */
  readonly backports?: Readonly<Record<number, number>>;
}

const CHANGES = {
  /** "livepatch: always print XENLOG_ERR information": before, a release build says nothing at upload. */
  errorsPrinted: { since: 13 },
  /** `.livepatch.xen_depends`, payload version 2, expectations, hooks, NODEPS, modinfo. */
  payloadV2: { since: 14 },
  /** "livepatch: resolve old address before function verification". */
  resolveBeforeSize: { since: 17, backports: { 14: 5, 15: 3, 16: 1 } },
  /** "xen/x86: Livepatch: support patching CET-enhanced functions", NOPs behind ENDBR64 included. */
  endbr: { since: 17, backports: { 14: 5, 15: 3, 16: 1 } },
  /** The same for functions whose ENDBR64 was poisoned at boot (is_endbr64_poison). */
  endbrPoison: { since: 17 },
  /** Payloads go right behind Xen's data (__2M_rwdata_end); before, behind the next 2 MiB (xen_virt_end). */
  behindData: { since: 17 },
  /** "livepatch: do not ignore sections with 0 size". */
  emptySectionsLoaded: { since: 17, backports: { 14: 5, 15: 3, 16: 1 } },
  /** "livepatch: avoid relocations referencing ignored section symbols". */
  ignoredSymbols: { since: 17, backports: { 14: 5, 15: 3, 16: 1 } },
  /** "x86/alternative: Support replacements when a feature is not present": ALT_FLAG_NOT is no feature bit. */
  alternativeNot: { since: 21, backports: { 17: 6, 18: 5, 19: 3, 20: 1 } },
  /** "xen/livepatch: Fix .altinstructions safety checks": before, no range was ever refused. */
  alternativeRanges: { since: 18, backports: { 17: 4 } },
  /** "livepatch: do not use .livepatch.funcs section to store internal state". */
  stateOutside: { since: 19, backports: { 17: 3, 18: 1 } },
  /**
   * "x86/livepatch: Fix livepatch application when CET is active": CR0.WP stays set while patching, and
   * only the text of Xen and of registered payloads is made writable (relax_virtual_region_perms).
   */
  textRelaxedOnly: { since: 18, backports: { 16: 4, 17: 1 } },
  /** "xen/livepatch: register livepatch regions when loaded"; before, when applied. */
  regionsAtUpload: { since: 19, backports: { 17: 4, 18: 1 } },
  /** "x86/livepatch: Relax permissions on rodata too", payloads' own .rodata included. */
  rodataRelaxed: { since: 19, backports: { 17: 4, 18: 2 } },
  /** "xen/livepatch: do Xen build-id check earlier", with section addresses kept for unloaded sections. */
  buildIdFirst: { since: 20, backports: { 18: 4, 19: 1 } },
  /** "x86/alternatives: do not BUG during apply": a bad alternative is an error, no longer a BUG(). */
  alternativeErrors: { since: 20, backports: { 18: 4, 19: 1 } },
  /** "xen: Drop xen_build_id()": the id and its length are variables. */
  buildIdVariable: { since: 21 },
  /** `.alt_call_sites`. */
  altCalls: { since: 21 },
} as const satisfies Record<string, Change>;

export type ChangeId = keyof typeof CHANGES;

/** The rules of one release. */
export interface Rules {
  readonly release: XenRelease;
  /** LIVEPATCH_PAYLOAD_VERSION. */
  readonly payloadVersion: 1 | 2;
  /** NCAPINTS * 32: alternatives name a CPU feature below this. */
  readonly cpuFeatures: number;
  has(change: ChangeId): boolean;
  /** The loader's checks in the order in which this release makes them. */
  readonly stages: readonly StageId[];
}

/** First and last minor version of Xen 4 whose sources these rules were read from. */
export const KNOWN_MINORS = { first: 12, last: 22 } as const;

/**
 * The rules of a release. A release without a patch level is taken as the last of its branch.
 * Fails with `unknown-release` outside the known range: the rules of an unread release would be a guess.
 */
export function rulesFor(release: XenRelease): Rules {
  const { major, minor } = release;
  if (major !== 4 || minor < KNOWN_MINORS.first || minor > KNOWN_MINORS.last) {
    throw new XspliceError(
      'unknown-release',
      `Xen ${formatRelease(release)} is outside the releases whose rules are known: 4.${KNOWN_MINORS.first} to 4.${KNOWN_MINORS.last}`,
    );
  }
  const has = (change: ChangeId): boolean => isIn(CHANGES[change], release);
  return {
    release,
    payloadVersion: has('payloadV2') ? 2 : 1,
    cpuFeatures: cpuFeatureWords(release) * 32,
    has,
    stages: stageOrder(has),
  };
}

/** Which rules a release is judged by. */
export interface JudgedRelease {
  /** The release itself where its rules are known, else the newest known one. */
  readonly release: XenRelease;
  /** In words, what is assumed; null where nothing is. */
  readonly assumption: string | null;
}

/** The release whose rules count for this one: nobody is locked out of a Xen that is newer than this program. */
export function judgedAs(release: XenRelease): JudgedRelease {
  const { major, minor } = release;
  const isKnown = major === 4 && minor >= KNOWN_MINORS.first && minor <= KNOWN_MINORS.last;
  if (isKnown) return { release, assumption: null };
  const newest = { major: 4, minor: KNOWN_MINORS.last, patch: null };
  return {
    release: newest,
    assumption: `the rules of Xen ${formatRelease(release)} are not known, those of ${formatRelease(newest)} are taken`,
  };
}

/**
 * NCAPINTS (asm/cpufeatures.h): the public feature words, Xen's own and those of bugs. New words came
 * with security fixes too: minor version → pairs of the first patch level and the number from it on.
 */
const FEATURE_WORDS: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  12: [[0, 11]],
  13: [[0, 13]],
  14: [
    [0, 13],
    [5, 16],
    [6, 19],
  ],
  15: [
    [0, 13],
    [3, 16],
    [5, 19],
  ],
  16: [
    [0, 14],
    [1, 16],
    [4, 18],
    [5, 19],
  ],
  17: [
    [0, 16],
    [1, 18],
    [2, 19],
    [6, 21],
  ],
  18: [
    [0, 19],
    [6, 21],
  ],
  19: [
    [0, 19],
    [3, 21],
  ],
  20: [
    [0, 19],
    [1, 21],
  ],
  21: [[0, 21]],
  22: [[0, 22]],
};

function cpuFeatureWords({ minor, patch }: XenRelease): number {
  const level = patch ?? Number.MAX_SAFE_INTEGER;
  return FEATURE_WORDS[minor]?.findLast(([first]) => first <= level)?.[1] ?? 0;
}

function isIn(change: Change, { minor, patch }: XenRelease): boolean {
  if (minor >= change.since) return true;
  const backport = change.backports?.[minor];
  return backport !== undefined && (patch ?? Number.MAX_SAFE_INTEGER) >= backport;
}

/**
 * Which stages have to have passed for a stage to mean anything: what it reads was made by these, or it
 * would say the same thing again. A stage that a release does not have is not missed.
 */
export const NEEDS: Readonly<Record<StageId, readonly StageId[]>> = {
  'elf-header': [],
  'section-table': ['elf-header'],
  'section-names': ['section-table'],
  'symbol-table': ['section-table'],
  placement: ['section-names'],
  'symbol-resolution': ['symbol-table', 'placement'],
  relocation: ['symbol-resolution'],
  'special-sections': ['section-names'],
  'patching-sections': ['section-names'],
  functions: ['relocation'],
  hooks: ['section-names', 'patching-sections'],
  'own-build-id': ['placement', 'special-sections'],
  depends: ['placement', 'special-sections'],
  'xen-depends': ['placement', 'special-sections'],
  'bug-frames': ['section-names'],
  alternatives: ['relocation'],
  'alt-call-sites': ['relocation'],
  'exception-table': ['placement'],
  metadata: ['placement'],
  'xen-build-id': ['section-names', 'xen-depends'],
  // A payload that is loaded under another name would find its own symbols.
  'new-symbols': ['functions', 'own-build-id'],
};

/** load_payload_data and prepare_payload, as each release orders them. */
function stageOrder(has: (change: ChangeId) => boolean): readonly StageId[] {
  const v2 = has('payloadV2');
  const early = has('buildIdFirst');
  const order: (StageId | false)[] = [
    'elf-header',
    'section-table',
    'section-names',
    'symbol-table',
    early && 'xen-build-id',
    'placement',
    'symbol-resolution',
    'relocation',
    'special-sections',
    v2 && 'patching-sections',
    'functions',
    'hooks',
    'own-build-id',
    'depends',
    v2 && !early && 'xen-depends',
    'bug-frames',
    'alternatives',
    has('altCalls') && 'alt-call-sites',
    'exception-table',
    v2 && 'metadata',
    v2 && !early && 'xen-build-id',
    'new-symbols',
  ];
  return order.filter((stage) => stage !== false);
}
