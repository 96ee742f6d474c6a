import type { Finding } from '../findings/index.js';
import type { Snapshot } from '../hypervisor/index.js';
import type { PayloadInput } from '../payload/index.js';
import type { Plan, Step } from '../stack/index.js';
import type { ExecutionReport, StepReport } from './execution.js';

/** A change that is about to begin. */
export interface BeginningChange {
  readonly plan: Plan;
  /** As the hypervisor is observed, with nobody else at it. */
  readonly before: Snapshot;
  /** The payload files that the plan was made with. */
  readonly payloads: readonly PayloadInput[];
  /** Dangers that were let pass. */
  readonly accepted: readonly Finding[];
}

/** Who remembers what is done to a hypervisor: is told before and after each step. */
export interface Witness {
  /** Dangers that are known before anything is asked or written, such as that nothing can be. */
  foresee(plan: Plan): Promise<readonly Finding[]>;
  /** Files that it keeps of these payloads, by build-id. Empty where it keeps none, or cannot read them. Does not throw. */
  recall(steps: readonly Step[]): Promise<readonly PayloadInput[]>;
  /** Before the first step, with nobody else at the hypervisor. What it throws is thrown, and nothing is done. */
  begin(change: BeginningChange): Promise<void>;
  /** Before a step. What it throws is the step's failure: the hypervisor is not asked. Steps that take back go on. */
  intend(step: Step, isTakenBack: boolean): Promise<void>;
  /** After it. Does not throw. */
  record(report: StepReport, isTakenBack: boolean): Promise<void>;
  /** At the end. Gives what could not be remembered, and does not throw. */
  end(report: Omit<ExecutionReport, 'forgotten'>): Promise<readonly Finding[]>;
}
