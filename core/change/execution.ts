import type { Finding, XspliceError } from '../findings/index.js';
import type { OperationResult, Snapshot } from '../hypervisor/index.js';
import type { Step } from '../stack/index.js';

/** How one step went. */
export interface StepReport {
  readonly step: Step;
  /** `none`: there was nothing to do. `skipped`: an earlier failure made it pointless. */
  readonly status: 'done' | 'none' | 'failed' | 'busy' | 'skipped';
  /** The last answer; null where the hypervisor was not asked, or gave none. */
  readonly result: OperationResult | null;
  /** Why it could not be asked, or its answer not be heard: whether the step took effect is not known then. */
  readonly error?: XspliceError;
  /** Times it was asked, more than one only after -EBUSY. */
  readonly attempts: number;
}

/** A payload that was applied before and is not any more, though nobody asked for that. */
export interface LostPayload {
  readonly name: string;
  /** Null where it could not be found out. */
  readonly buildId: string | null;
  /** True while it is still loaded: whether Xen applies it again depends on its data. */
  readonly isLoaded: boolean;
}

/** What became of a plan. */
export interface ExecutionReport {
  /**
   * `taken-back`: it failed, and what was done is taken back. `lost`: it failed, and a payload that was
   * applied before is not any more. `stuck`: it failed, and not all could be taken back, but nothing is
   * lost. `partial`: it failed and what was done stays, as asked with keepGoing. `unknown`: it failed, and
   * the hypervisor could not be observed afterwards.
   */
  readonly outcome: 'done' | 'taken-back' | 'lost' | 'stuck' | 'partial' | 'unknown';
  /** True where the same payloads are loaded and applied in the same order as before, by observation. */
  readonly asItWas: boolean;
  readonly interrupted: boolean;
  readonly steps: readonly StepReport[];
  /**
   * The steps that took it back, in the order in which they were done. `none`: another tool had taken
   * it back already, as the step's reason says.
   */
  readonly undone: readonly StepReport[];
  readonly lost: readonly LostPayload[];
  /** Null where the hypervisor could not be observed afterwards; `afterError` says why. */
  readonly after: Snapshot | null;
  readonly afterError?: XspliceError;
  /** Its way to the host broke: the host was told to take back by itself what was done, and whether it did is not known. */
  readonly isLeftToHost?: true;
  /** What could not be remembered of it. */
  readonly forgotten: readonly Finding[];
}
