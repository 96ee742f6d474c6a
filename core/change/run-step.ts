import { setTimeout as pause } from 'node:timers/promises';
import { XEN_ERRNO } from '../abi/errno.js';
import { errorFrom, InternalError, XspliceError } from '../findings/index.js';
import { type HypervisorPort, type OperationResult, succeeded } from '../hypervisor/index.js';
import type { Step } from '../stack/index.js';
import type { StepReport } from './execution.js';
import type { ExecutionOptions, ProgressEvent } from './execution-options.js';

/** Pauses between the tries of a busy step double up to here, for so many tries, and then go on to the second limit. */
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 250;
const TRIES_BEFORE_LONG_PAUSES = 5;
const MAX_LONG_PAUSE_MS = 2000;
/** Time to meet for an action whose hook may run only once: long enough for a host at full load. */
const ONE_TRY_TIMEOUT_NS = 2_000_000_000;

/** What carries a step out. */
export interface StepContext {
  readonly port: HypervisorPort;
  /** Payload bytes by their digest. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
  readonly options: ExecutionOptions;
  /** Steps in all, for progress. */
  readonly total: number;
  /** True for the steps that take others back. */
  readonly isTakenBack?: boolean;
}

/**
 * Carries out one step, with a bounded number of repetitions after -EBUSY. Whatever is thrown on the way is
 * a result: the step has failed, and whether it took effect is for observation to tell.
 */
export async function runStep(
  context: StepContext,
  step: Step,
  index: number,
): Promise<StepReport> {
  if (step.action === 'none') return { step, status: 'none', result: null, attempts: 0 };
  const { options, total } = context;
  tell(options, { kind: 'begin', step, index, total });
  const unwitnessed = await intended(context, step);
  if (unwitnessed !== null) {
    const report = { step, status: 'failed', result: null, attempts: 0 } as const;
    return ended(context, index, { ...report, error: unwitnessed });
  }
  let pauseMs = FIRST_PAUSE_MS;
  for (let attempt = 1; ; attempt++) {
    const answer = await performed(context, step);
    if (answer instanceof XspliceError) {
      return ended(context, index, {
        ...{ step, status: 'failed', result: null, error: answer, attempts: attempt },
      });
    }
    const busy = isBusy(answer);
    if (busy && canRepeat(step, answer) && attempt <= options.retries && !options.signal?.aborted) {
      tell(options, { kind: 'retry', step, index, total, attempt, pauseMs });
      await pause(pauseMs);
      const limit = attempt < TRIES_BEFORE_LONG_PAUSES ? MAX_PAUSE_MS : MAX_LONG_PAUSE_MS;
      pauseMs = Math.min(pauseMs * 2, limit);
      continue;
    }
    const status = succeeded(answer) ? 'done' : busy ? 'busy' : 'failed';
    return ended(context, index, { step, status, result: answer, attempts: attempt });
  }
}

/** Why the step may not be begun, since it cannot be remembered; null where it may. */
async function intended(
  { options, isTakenBack = false }: StepContext,
  step: Step,
): Promise<XspliceError | null> {
  try {
    await options.witness?.intend(step, isTakenBack);
    return null;
  } catch (error) {
    return errorFrom(error);
  }
}

async function ended(
  { options, total, isTakenBack = false }: StepContext,
  index: number,
  report: StepReport,
): Promise<StepReport> {
  await options.witness?.record(report, isTakenBack);
  tell(options, { kind: 'end', step: report.step, index, total, report });
  return report;
}

/** Who listens must not be able to stop a change in the middle. */
export function tell({ onProgress }: ExecutionOptions, event: ProgressEvent): void {
  try {
    onProgress?.(event);
  } catch {
    // What is not shown now is in the report.
  }
}

/** -EBUSY from either answer, unless it means that another payload is on top: that does not pass. */
function isBusy(result: OperationResult): boolean {
  if (succeeded(result)) return false;
  const { hypercallRc, payloadRc, log } = result;
  const busy = hypercallRc === -XEN_ERRNO.EBUSY || payloadRc === -XEN_ERRNO.EBUSY;
  return busy && !log.some((line) => line.includes("can't unload. Top is"));
}

/**
 * A hypercall that returns -EBUSY has done nothing. Where it returns 0 and the payload's rc is -EBUSY, the CPUs
 * did not meet in time, and that is after the preapply or prerevert hook ran (check_for_livepatch_work,
 * common/livepatch.c, 4.14 on): another try would run it again.
 */
function canRepeat({ hooksFirst }: Step, { hypercallRc }: OperationResult): boolean {
  return hypercallRc === -XEN_ERRNO.EBUSY || hooksFirst === undefined;
}

async function performed(
  context: StepContext,
  step: Step,
): Promise<OperationResult | XspliceError> {
  try {
    return await perform(context, step);
  } catch (error) {
    return errorFrom(error);
  }
}

async function perform(
  { port, contents, options }: StepContext,
  step: Step,
): Promise<OperationResult> {
  const timeoutNs =
    step.hooksFirst === undefined
      ? options.timeoutNs
      : Math.max(options.timeoutNs, ONE_TRY_TIMEOUT_NS);
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
