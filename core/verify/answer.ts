import type { Fault, Outcome, Verdict, VerdictStage } from './verdict.js';

/** What can be asked of Xen about one payload. */
export type Operation = 'upload' | 'apply' | 'revert' | 'replace' | 'unload';

/** A verdict on one operation, for those who show or keep it. */
export interface XenAnswer {
  readonly outcome: Outcome['outcome'];
  readonly operation: Operation;
  /** Positive errno; null unless it is refused. */
  readonly errno: number | null;
  /** The check that decides; null where it is accepted. */
  readonly stage: VerdictStage | null;
  /** What would kill Xen; null unless the outcome is fatal. */
  readonly cause: string | null;
  /** What Xen would print, without `livepatch: ` and unescaped. */
  readonly log: readonly string[];
  /** What the verdict rests on, e.g. that a hook returns 0. */
  readonly assumptions: readonly string[];
  /** Why it is not accepted, the deciding reason first; empty where it is. */
  readonly faults: readonly Fault[];
}

export function answerOf(
  operation: Operation,
  { outcome, log, assumptions, faults }: Verdict,
): XenAnswer {
  return {
    outcome: outcome.outcome,
    operation,
    errno: outcome.outcome === 'refused' ? outcome.errno : null,
    stage: outcome.outcome === 'accepted' ? null : outcome.stage,
    cause: outcome.outcome === 'fatal' ? outcome.cause : null,
    log: log.map(({ text }) => text),
    assumptions,
    faults,
  };
}
