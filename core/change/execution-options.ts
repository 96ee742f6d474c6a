import type { Step } from '../stack/index.js';
import type { StepReport } from './execution.js';
import type { BeginningChange, Witness } from './witness.js';

/** How a plan is carried out. */
export interface ExecutionOptions {
  /** Time for all CPUs to meet in one action, in nanoseconds; 0 is Xen's default. */
  readonly timeoutNs: number;
  /** Leave what was done when a step fails, and go on with what does not build on it. */
  readonly keepGoing: boolean;
  /** How often a step is repeated after -EBUSY. */
  readonly retries: number;
  /** Told before and after each step. What it throws is passed over: nobody's telling stops a change. */
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Stops between two steps; what was done is then taken back. */
  readonly signal?: AbortSignal;
  /** Remembers what is done. */
  readonly witness?: Witness;
  /** What the witness is told beside the plan. */
  readonly about?: Pick<BeginningChange, 'payloads' | 'accepted'>;
}

/** One line of progress. */
export interface ProgressEvent {
  readonly kind: 'begin' | 'end' | 'retry' | 'undo';
  readonly step: Step;
  /** 0-based. */
  readonly index: number;
  readonly total: number;
  readonly report?: StepReport;
  /** For `retry`: how often it was busy so far, and the pause before the next try. */
  readonly attempt?: number;
  readonly pauseMs?: number;
}
