import { formatRelease, type XenRelease } from '../abi/release.js';
import { XspliceError } from '../findings/index.js';
import { type ChangeId, hasChange } from './changes.js';
import { cpuFeatureWords } from './cpu-features.js';
import type { StageId } from './stage-id.js';
import { stageOrder } from './stage-order.js';

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
  const has = (change: ChangeId): boolean => hasChange(change, release);
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
