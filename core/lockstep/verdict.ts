import type { Code } from '../findings/index.js';

/** What a host does with a module. */
export type Outcome =
  | 'accepted'
  /** It runs, and the host does not see all that the module has. */
  | 'accepted-with-loss'
  /** It starts; that the two fit is said by nothing but the names of symbols. */
  | 'not-proven'
  | 'refused'
  /** The host ends: at once, or at its next step after a refusal. */
  | 'fatal'
  /** The files do not tell. */
  | 'undecided';

/** One answer, known before the host is asked. Texts hold bytes of files: escape before printing. */
export interface LockstepVerdict {
  readonly outcome: Outcome;
  /** What decided it; null where the module is accepted. */
  readonly reason: Code | null;
  /** Who answers: the dynamic linker or the host. Null where nobody refuses. */
  readonly by: 'linker' | 'host' | null;
  /** What it prints then, without the directory of the day; null where it prints nothing. */
  readonly says: string | null;
  /** What the host has or wants; null where no two values are compared. */
  readonly expected: string | null;
  /** What the module has. */
  readonly actual: string | null;
  /** Which side was made before the other; null where that is not known, or they are of one age. */
  readonly older: 'host' | 'module' | null;
}

const NOTHING = { by: null, says: null, expected: null, actual: null, older: null } as const;

export const ACCEPTED: LockstepVerdict = { outcome: 'accepted', reason: null, ...NOTHING };

/** A verdict with a reason; what is left out is null. */
export function verdict(
  outcome: Outcome,
  reason: Code,
  detail: Partial<Omit<LockstepVerdict, 'outcome' | 'reason'>> = {},
): LockstepVerdict {
  return { outcome, reason, ...NOTHING, ...detail };
}

/** Nothing is guessed: `why` says what the files do not tell. */
export function undecided(why: string): LockstepVerdict {
  return verdict('undecided', 'lockstep-undecided', { actual: why });
}
