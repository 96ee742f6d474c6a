import { errnoName } from '../abi/errno.js';
import { nameText } from '../abi/payload-name.js';
import { type Finding, XspliceError } from '../findings/index.js';
import { FatalVerdict, MemoryStore, ModelPort } from '../hypervisor/embedded/index.js';
import { fingerprintOf, type OperationResult, succeeded } from '../hypervisor/index.js';
import type { Plan, Step } from '../stack/index.js';
import type { Model } from '../verify/index.js';
import { adviceFor } from '../verify/index.js';
import { executePlan } from './execute.js';

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
  const store = new MemoryStore(model, version);
  const port = new ModelPort(plan.host, store);
  // The copy may know more than was observed (or less): it is not what could have become stale.
  const onCopy = { ...plan, fingerprint: fingerprintOf(await port.observe()) };
  let reached = -1;
  try {
    const report = await executePlan(port, onCopy, contents, {
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
    if (!(error instanceof FatalVerdict)) throw error;
    const { stage, cause } = error.fatality;
    const predictions = plan.steps.map((step, index): Prediction => {
      const prediction = unasked(step, step.action === 'none');
      if (index > reached || step.action === 'none') return prediction;
      if (index < reached) return { ...prediction, outcome: 'accepted' };
      return { ...prediction, outcome: 'fatal', stage, cause };
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
  const about = {
    severity: 'error',
    ...(step.file === undefined ? {} : { file: step.file }),
    ...(stage === null ? {} : { stage }),
  } as const;
  if (bad.outcome === 'fatal') {
    const message = `Xen ${version} would not survive the ${step.action} of ${subject}: ${cause ?? 'it crashes'}`;
    return new XspliceError('would-be-fatal', message, {
      hint: 'This payload must never reach a hypervisor: build it again. Nothing was changed.',
      findings: [{ ...about, code: 'would-be-fatal', message }],
    });
  }
  const reason = log.at(-1);
  const said = reason === undefined ? 'without a message' : `and prints "${nameText(reason)}"`;
  const message = `Xen ${version} would refuse the ${step.action} of ${subject}: it returns ${errnoName(errno ?? 0)} ${said}`;
  return new XspliceError('would-be-refused', message, {
    hint: `${adviceFor(stage, errno)} Nothing was changed.`,
    findings: [
      { ...about, code: 'would-be-refused', message, ...(errno === null ? {} : { errno }) },
    ],
  });
}

/**
 * Where a plan cannot be tried, what the reader found has to do: a payload with an error in it may kill
 * the hypervisor that reads it, so it is not uploaded. Null where no finding is an error.
 */
export function refusalUnverified(findings: readonly Finding[]): XspliceError | null {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) return null;
  const where = first.file === undefined ? '' : `${first.file}: `;
  return new XspliceError('unverified-payload', `${where}${first.message}`, {
    findings: errors,
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
