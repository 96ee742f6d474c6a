import type { LinkFailure } from '../../link/index.js';
import { olderOf } from '../age.js';
import { verdictOfFailure } from '../linker.js';
import { ACCEPTED, type LockstepVerdict, undecided, verdict } from '../verdict.js';

/** What the dynamic linker does with a program and a library, as far as their fit depends on it. */
export type StartFacts =
  /** The library is no file that could be loaded. */
  | { readonly kind: 'bad-library'; readonly failure: LinkFailure }
  | { readonly kind: 'failed'; readonly failure: LinkFailure; readonly soname: string | null }
  /** It starts without this library: `wanted` is one of the same name but for its release, where there is one. */
  | { readonly kind: 'other'; readonly wanted: string | null; readonly soname: string | null }
  | {
      readonly kind: 'loaded';
      /** Both values where nothing but the names of symbols was compared. */
      readonly notProven: { readonly expected: string; readonly actual: string } | null;
      /** See asksForShortExtents. */
      readonly asksShort: boolean;
    };

/** Which of the two is the host: the other one is the module. */
export type LinkedSide = 'program' | 'library';

export function answerStart(facts: StartFacts, host: LinkedSide): LockstepVerdict {
  switch (facts.kind) {
    case 'bad-library':
      return verdictOfFailure(facts.failure);
    case 'failed': {
      const { failure, soname } = facts;
      const failed = verdictOfFailure(failure, host === 'program' ? 'module' : 'host');
      const isSame = failure.kind === 'missing' && soname !== null;
      if (!isSame || stemOf(failure.name) !== stemOf(soname)) return failed;
      return { ...failed, ...otherName(failure.name, soname, host) };
    }
    case 'other': {
      const { wanted, soname } = facts;
      if (wanted === null) return undecided('the program asks for no library of that name');
      const names = otherName(wanted, soname ?? '', host);
      return verdict('refused', 'link-other-name', { by: 'linker', ...names });
    }
    case 'loaded':
      if (facts.notProven !== null) {
        return verdict('not-proven', 'link-not-proven', facts.notProven);
      }
      return facts.asksShort ? verdict('accepted', 'libnbd-extents-32-bit', EXTENTS) : ACCEPTED;
  }
}

const EXTENTS = { expected: 'nbd_block_status_64', actual: 'nbd_block_status' } as const;

/** `libxenlight.so.4.17` without what follows its `.so`. */
export function stemOf(name: string): string {
  const file = name.slice(name.lastIndexOf('/') + 1);
  return file.replace(/\.so(?:\..*)?$/, '');
}

function otherName(wanted: string, soname: string, host: LinkedSide) {
  const [ofWanted, ofFound] = [releaseOf(wanted), releaseOf(soname)];
  const older = host === 'program' ? olderOf(ofWanted, ofFound) : olderOf(ofFound, ofWanted);
  return { expected: wanted, actual: soname, older };
}

function releaseOf(name: string): string | null {
  return /\.so\.(.+)$/.exec(name)?.[1] ?? null;
}
