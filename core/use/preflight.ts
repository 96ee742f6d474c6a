import { errnoName } from '../abi/errno.js';
import { XspliceError } from '../errors.js';
import { executePlan } from '../execute/execute.js';
import { MemoryStore, ModelPort } from '../hypervisor/embedded/model-port.js';
import { type OperationResult, succeeded } from '../hypervisor/port.js';
import { nameText, type Plan, type Step } from '../stack/index.js';
import type { Model } from '../verify/index.js';
import { adviceFor } from './advice.js';

/** What the hypervisor will answer to one step, known before it is asked. */
export interface Prediction {
  readonly step: Step;
  /** `none`: nothing to do. `not-reached`: a step before it ends the plan. */
  readonly outcome: 'accepted' | 'refused' | 'fatal' | 'none' | 'not-reached';
  /** Positive errno; null unless refused. */
  readonly errno: number | null;
  readonly stage: string | null;
  /** What Xen would print, unescaped. */
  readonly log: readonly string[];
  readonly assumptions: readonly string[];
  /** What would kill Xen; null unless fatal. */
  readonly cause: string | null;
}

/** A plan tried on a copy of the hypervisor. */
export interface Preflight {
  readonly ok: boolean;
  /** The hypervisor's version as it prints it. */
  readonly version: string;
  /** One for each step of the plan. */
  readonly predictions: readonly Prediction[];
}

/** Carries out a plan on a copy of the hypervisor, whose own state is not touched. */
export async function preflightPlan(
  plan: Plan,
  contents: ReadonlyMap<string, Uint8Array>,
  model: Model,
  version: string,
): Promise<Preflight> {
  const port = new ModelPort(plan.host, new MemoryStore(model, version));
  let reached = -1;
  try {
    const report = await executePlan(port, plan, contents, {
      timeoutNs: 0,
      keepGoing: false,
      retries: 0,
      onProgress: ({ kind, index }) => {
        if (kind === 'begin') reached = index;
      },
    });
    const predictions = report.steps.map(({ step, status, result }) =>
      result === null ? unasked(step, status === 'none') : predicted(step, result),
    );
    return { ok: report.outcome === 'done', version, predictions };
  } catch (error) {
    if (!(error instanceof XspliceError) || error.code !== 'fatal-verdict') throw error;
    const predictions = plan.steps.map((step, index): Prediction => {
      if (index < reached && step.action !== 'none')
        return { ...unasked(step, false), outcome: 'accepted' };
      if (index !== reached) return unasked(step, step.action === 'none');
      return { ...unasked(step, false), outcome: 'fatal', cause: error.message };
    });
    return { ok: false, version, predictions };
  }
}

/**
 * Why a plan may not be executed, as an error to throw: Xen's own reason, the errno and the fix. Null
 * where every step will be accepted.
 */
export function refusalOf({ predictions, version }: Preflight): XspliceError | null {
  const bad = predictions.find(({ outcome }) => outcome === 'refused' || outcome === 'fatal');
  if (bad === undefined) return null;
  const { step, log, errno, stage, cause } = bad;
  const subject = step.file ?? nameText(step.name);
  if (bad.outcome === 'fatal') {
    const message = `Xen ${version} would not survive the ${step.action} of ${subject}`;
    const finding = {
      code: 'would-be-fatal',
      severity: 'error',
      message: cause ?? message,
      ...(step.file === undefined ? {} : { file: step.file }),
    } as const;
    return new XspliceError('would-be-fatal', `${message}: ${cause ?? 'it crashes'}`, {
      hint: 'This payload must never reach a hypervisor. Build it again. Nothing was changed.',
      findings: [finding],
    });
  }
  const reason = log.at(-1);
  const said = reason === undefined ? 'without a message' : `and prints "${nameText(reason)}"`;
  const message = `Xen ${version} would refuse the ${step.action} of ${subject}: it returns ${errnoName(errno ?? 0)} ${said}`;
  return new XspliceError('would-be-refused', message, {
    hint: `${adviceFor(stage ?? undefined)} Nothing was changed.`,
    findings: [
      {
        code: 'would-be-refused',
        severity: 'error',
        message,
        ...(step.file === undefined ? {} : { file: step.file }),
        ...(stage === null ? {} : { stage }),
        ...(errno === null ? {} : { errno }),
      },
    ],
  });
}

function predicted(step: Step, result: OperationResult): Prediction {
  const { log, stage, assumptions } = result;
  const done = succeeded(result);
  const rc = result.hypercallRc === 0 ? (result.payloadRc ?? 0) : result.hypercallRc;
  return {
    step,
    outcome: done ? 'accepted' : 'refused',
    errno: done ? null : Math.abs(rc),
    stage: done ? null : (stage ?? null),
    log,
    assumptions: assumptions ?? [],
    cause: null,
  };
}

function unasked(step: Step, nothingToDo: boolean): Prediction {
  const outcome = nothingToDo ? 'none' : 'not-reached';
  return { step, outcome, errno: null, stage: null, log: [], assumptions: [], cause: null };
}
