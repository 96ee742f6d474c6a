import type { Reason } from './advice.js';
import type { StageId } from './stage-id.js';
import type { Whereabouts } from './whereabouts.js';

export type { Whereabouts } from './whereabouts.js';

/** A line that Xen prints, without its `livepatch: ` prefix. */
export interface LogLine {
  readonly level: 'error' | 'warning' | 'info';
  readonly text: string;
}

/** Where in Xen something is decided: an upload stage, or a step of an action. */
export type VerdictStage =
  | 'name-and-size'
  | 'same-name'
  | StageId
  | 'lookup'
  | 'state'
  | 'top-of-stack'
  | 're-apply'
  | 'dependency'
  | 'expectations'
  | 'vetoing-hooks'
  | 'patching';

/** Xen says no. */
export interface Refusal {
  readonly outcome: 'refused';
  readonly stage: VerdictStage;
  /** Positive errno. */
  readonly errno: number;
}

/** Xen does not survive the question. */
export interface Fatality {
  readonly outcome: 'fatal';
  readonly stage: VerdictStage;
  /** What kills it, e.g. `read of unmapped address 0000000000000020`. */
  readonly cause: string;
}

export interface Acceptance {
  readonly outcome: 'accepted';
}

/** What Xen will answer, known before it is asked. */
export type Outcome = Acceptance | Refusal | Fatality;

/** One reason for which Xen would not accept, or not survive, an operation. */
export interface Fault {
  readonly outcome: Refusal | Fatality;
  /** What Xen prints until then. */
  readonly log: readonly LogLine[];
  /** What had to be assumed until then. */
  readonly assumptions: readonly string[];
  /** What Xen did by then outside the payload, or may have; absent where that is nothing. */
  readonly strayWrites?: readonly StrayWrite[];
  readonly where: Whereabouts;
  /** What decides which advice helps. */
  readonly reason: Reason;
}

/** An access of Xen's, for a payload that it loads, which leads outside that payload. */
export interface StrayWrite {
  /** Of the payload, which makes Xen write. */
  readonly section: string;
  /** Of the entry in that section. */
  readonly offset: bigint;
  /** `read`: of a replacement, from where nothing is mapped. */
  readonly access: 'write' | 'read';
  readonly address: bigint;
  readonly bytes: number;
  /** What it depends on, as a clause; null where it is sure to come. */
  readonly when: string | null;
}

/**
 * What Xen answers to one operation. Both rcs are null when the outcome is fatal: there is nobody
 * left to answer.
 */
export interface Verdict {
  readonly outcome: Outcome;
  /** What the hypercall returns: 0 or a negative errno. */
  readonly hypercallRc: number | null;
  /** What GET then reads as the payload's rc; null where there is no such payload. */
  readonly payloadRc: number | null;
  readonly log: readonly LogLine[];
  /** What the verdict had to assume, in words, e.g. that a hook returns 0. */
  readonly assumptions: readonly string[];
  /**
   * Why it is not accepted, in Xen's order: the first is the outcome. Xen stops there; those behind it would
   * come up once it is mended. Empty where it is accepted.
   */
  readonly faults: readonly Fault[];
  /** Of an upload that Xen answers, until it does; absent where there are none. */
  readonly strayWrites?: readonly StrayWrite[];
}

/** Thrown inside the replay where C would BUG(), panic() or hit an assertion that stays in a release build. */
export class XenPanic extends Error {
  override readonly name = 'XenPanic';
}
