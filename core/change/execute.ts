import { XEN_ERRNO } from '../abi/errno.js';
import { InternalError, XspliceError } from '../findings/index.js';
import {
  fingerprintOf,
  type HypervisorPort,
  type OperationResult,
  type Snapshot,
  succeeded,
} from '../hypervisor/index.js';
import type { Plan, Step } from '../stack/index.js';
import { alreadyUndone, undoStep } from './undo.js';

/** How one step went. */
export interface StepReport {
  readonly step: Step;
  /** `none`: there was nothing to do. `skipped`: an earlier failure made it pointless. */
  readonly status: 'done' | 'none' | 'failed' | 'busy' | 'skipped';
  /** The last answer; null where the hypervisor was not asked. */
  readonly result: OperationResult | null;
  /** Times it was asked, more than one only after -EBUSY. */
  readonly attempts: number;
}

/** What became of a plan. */
export interface ExecutionReport {
  /**
   * `taken-back`: it failed, and the host is as it was before. `stuck`: it failed and could not be
   * taken back either. `partial`: it failed and what was done stays, as asked with keepGoing.
   */
  readonly outcome: 'done' | 'taken-back' | 'stuck' | 'partial';
  readonly interrupted: boolean;
  readonly steps: readonly StepReport[];
  /**
   * The steps that took it back, in the order in which they were done. `none`: another tool had taken
   * it back already, as the step's reason says.
   */
  readonly undone: readonly StepReport[];
  readonly after: Snapshot;
}

export interface ExecutionOptions {
  /** Time for all CPUs to meet in one action, in nanoseconds; 0 is Xen's default. */
  readonly timeoutNs: number;
  /** Leave what was done when a step fails, and go on with what does not build on it. */
  readonly keepGoing: boolean;
  /** How often a step is repeated after -EBUSY. */
  readonly retries: number;
  /** Told before and after each step. */
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Stops between two steps; what was done is then taken back. */
  readonly signal?: AbortSignal;
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

/** Longest pause between two tries of a busy step. */
const MOST_PAUSE_MS = 250;
const FIRST_PAUSE_MS = 10;

/**
 * Carries out a plan: the only place from which a hypervisor is changed. Payload contents are the
 * very bytes that were checked, by their digest. Fails with `stale-plan` when the host is no longer
 * what the plan was made from; a refusal by the hypervisor is not thrown but reported.
 */
export async function executePlan(
  port: HypervisorPort,
  plan: Plan,
  contents: ReadonlyMap<string, Uint8Array>,
  options: ExecutionOptions,
): Promise<ExecutionReport> {
  const before = await port.observe();
  if (fingerprintOf(before) !== plan.fingerprint) {
    throw new XspliceError(
      'stale-plan',
      'The hypervisor is no longer as it was when the plan was made: payloads were loaded, unloaded, applied or reverted in between',
    );
  }

  const steps: StepReport[] = [];
  const lost = new Set<string>();
  for (const [index, step] of plan.steps.entries()) {
    // Signals arrive between two turns of the event loop, of which a quick hypervisor needs none.
    if (options.signal) await new Promise((resolve) => setImmediate(resolve));
    const report = dependsOnLost(step, lost)
      ? skipped(step)
      : options.signal?.aborted
        ? skipped(step)
        : await runStep(port, step, index, plan.steps.length, contents, options);
    steps.push(report);
    if (report.status === 'done' || report.status === 'none') continue;
    lost.add(step.name);
    if (step.buildId !== null) lost.add(step.buildId);
    if (!options.keepGoing) {
      steps.push(...plan.steps.slice(index + 1).map(skipped));
      break;
    }
  }

  const interrupted = options.signal?.aborted === true;
  const failed = steps.some(({ status }) => status === 'failed' || status === 'busy');
  const unfinished = failed || steps.some(({ status }) => status === 'skipped');
  if (!unfinished || options.keepGoing) {
    const outcome = unfinished ? 'partial' : 'done';
    return { outcome, interrupted, steps, undone: [], after: await port.observe() };
  }
  const { undone, complete } = await takeBack(port, steps, contents, options);
  const outcome = complete ? 'taken-back' : 'stuck';
  return { outcome, interrupted, steps, undone, after: await port.observe() };
}

function skipped(step: Step): StepReport {
  return { step, status: step.action === 'none' ? 'none' : 'skipped', result: null, attempts: 0 };
}

function dependsOnLost(step: Step, lost: ReadonlySet<string>): boolean {
  return lost.has(step.name) || (step.depends !== null && lost.has(step.depends));
}

async function runStep(
  port: HypervisorPort,
  step: Step,
  index: number,
  total: number,
  contents: ReadonlyMap<string, Uint8Array>,
  options: ExecutionOptions,
): Promise<StepReport> {
  if (step.action === 'none') return { step, status: 'none', result: null, attempts: 0 };
  options.onProgress?.({ kind: 'begin', step, index, total });
  let pauseMs = FIRST_PAUSE_MS;
  for (let attempt = 1; ; attempt++) {
    const result = await perform(port, step, contents, options);
    const done = succeeded(result);
    const busy = !done && isBusy(result);
    if (busy && attempt <= options.retries && !options.signal?.aborted) {
      options.onProgress?.({ kind: 'retry', step, index, total, attempt, pauseMs });
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs = Math.min(pauseMs * 2, MOST_PAUSE_MS);
      continue;
    }
    const status = done ? 'done' : busy ? 'busy' : 'failed';
    const report: StepReport = { step, status, result, attempts: attempt };
    options.onProgress?.({ kind: 'end', step, index, total, report });
    return report;
  }
}

/** -EBUSY from either answer, unless it means that another payload is on top: that does not pass. */
function isBusy({ hypercallRc, payloadRc, log }: OperationResult): boolean {
  const busy = hypercallRc === -XEN_ERRNO.EBUSY || payloadRc === -XEN_ERRNO.EBUSY;
  return busy && !log.some((line) => line.includes("can't unload. Top is"));
}

async function perform(
  port: HypervisorPort,
  step: Step,
  contents: ReadonlyMap<string, Uint8Array>,
  { timeoutNs }: Pick<ExecutionOptions, 'timeoutNs'>,
): Promise<OperationResult> {
  const actionOptions = { timeoutNs, nodeps: step.nodeps ?? false };
  switch (step.action) {
    case 'upload': {
      const bytes = step.sha256 === undefined ? undefined : contents.get(step.sha256);
      if (!bytes) throw new InternalError(`no contents for the upload of ${step.name}`);
      return port.upload(step.name, bytes);
    }
    case 'apply':
      return port.act(step.name, 'APPLY', actionOptions);
    case 'revert':
      return port.act(step.name, 'REVERT', actionOptions);
    case 'replace':
      return port.act(step.name, 'REPLACE', actionOptions);
    case 'unload':
      return port.act(step.name, 'UNLOAD', actionOptions);
    case 'none':
      throw new InternalError('a step with nothing to do was performed');
  }
}

/** Undoes the steps that were done, last first, and stops at the first that cannot be undone. */
async function takeBack(
  port: HypervisorPort,
  steps: readonly StepReport[],
  contents: ReadonlyMap<string, Uint8Array>,
  options: ExecutionOptions,
): Promise<{ undone: readonly StepReport[]; complete: boolean }> {
  const done = steps.filter(({ status }) => status === 'done').reverse();
  const undone: StepReport[] = [];
  // The request to stop has been heard: what is taken back is taken back to the end.
  const { signal: _, ...rest } = options;
  for (const [index, { step }] of done.entries()) {
    const now = await port.observe();
    const opposite = undoStep(step, now);
    if (!opposite) return { undone, complete: false };
    options.onProgress?.({ kind: 'undo', step: opposite, index, total: done.length });
    let report = foundUndone(opposite, now);
    if (report === null) {
      const tried = await runStep(port, opposite, index, done.length, contents, rest);
      // Another tool may have been quicker even now.
      const late = tried.status === 'done' ? null : foundUndone(opposite, await port.observe());
      report = late ?? tried;
    }
    undone.push(report);
    if (report.status !== 'done' && report.status !== 'none') return { undone, complete: false };
  }
  return { undone, complete: true };
}

/** The report of an undo that another tool has done; null where it is still to be done. */
function foundUndone(undo: Step, now: Snapshot): StepReport | null {
  const reason = alreadyUndone(undo, now);
  if (reason === null) return null;
  return { step: { ...undo, reason }, status: 'none', result: null, attempts: 0 };
}
