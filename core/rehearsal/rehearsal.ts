import type { Operation, XenAnswer } from '../verify/index.js';
import type { TestRun } from './stage.js';

/** What a payload is in a rehearsal: anything that may be uploaded. */
export interface Performer {
  readonly file: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The file among these that it depends on; null where it is none of them, as the hypervisor. */
  readonly parent: string | null;
}

/** What a real Xen answered to one operation. */
export interface Seen {
  /** `busy`: its CPUs did not meet in time, however often it was asked. */
  readonly outcome: 'accepted' | 'refused' | 'fatal' | 'busy';
  /** Positive errno; null unless it is refused or busy. */
  readonly errno: number | null;
  /** What it died of, in its own words, untrusted; null unless it did. */
  readonly cause: string | null;
  /** Null where it died. */
  readonly hypercallRc: number | null;
  readonly payloadRc: number | null;
  /** What it printed, without `livepatch: `; untrusted. */
  readonly log: readonly string[];
}

/** One operation: what was said that Xen will answer, and what it answered. */
export interface StepRehearsal {
  readonly operation: Operation;
  readonly expected: XenAnswer;
  readonly seen: Seen;
  /** In what they differ, in words; null where they do not. */
  readonly difference: string | null;
  readonly elapsedMs: number;
}

/** What a payload made of one test. */
export interface TestRehearsal {
  readonly test: string;
  /** Before it was applied, with it, and after it was reverted; null where it was not. */
  readonly before: TestRun;
  readonly with: TestRun;
  readonly after: TestRun | null;
}

/** What came of one payload. */
export interface PayloadRehearsal {
  readonly file: string;
  readonly name: string;
  /** Why it was not tried, in words; null where it was. */
  readonly skipped: string | null;
  /** True where its verdict is fatal, or may be, which needs a hypervisor of its own. */
  readonly isDeadly: boolean;
  readonly steps: readonly StepRehearsal[];
  readonly tests: readonly TestRehearsal[];
}

/** What came of all of them. */
export interface Rehearsal {
  /** In the order in which they were tried. */
  readonly payloads: readonly PayloadRehearsal[];
  /** Tests whose two runs before anything was loaded differ: nothing is concluded from them. */
  readonly unstableTests: readonly string[];
  /** Names of what could not be taken off again. */
  readonly left: readonly string[];
}

/** True of two runs that nobody could tell apart. */
export function isSameRun(a: TestRun, b: TestRun): boolean {
  return (
    a.status === b.status &&
    a.outputBytes === b.outputBytes &&
    Buffer.compare(a.output, b.output) === 0
  );
}

/** From the first to the last answer, in milliseconds. */
export function elapsedOf({ steps }: Pick<PayloadRehearsal, 'steps'>): number {
  return steps.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0);
}
