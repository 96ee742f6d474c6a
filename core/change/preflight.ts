import { type Finding, InternalError, XspliceError } from '../findings/index.js';
import { FatalVerdict, MemoryStore, ModelPort } from '../hypervisor/embedded/index.js';
import { fingerprintOf } from '../hypervisor/index.js';
import type { Plan, Step } from '../stack/index.js';
import {
  answerOf,
  findingsOfFaults,
  type Model,
  type Operation,
  type XenAnswer,
} from '../verify/index.js';
import { executePlan } from './execute.js';
import type { StepReport } from './execution.js';

/** What the hypervisor will answer to one step, known before it is asked. */
export interface Prediction extends Omit<XenAnswer, 'outcome' | 'operation'> {
  readonly step: Step;
  /** `none`: nothing to do. `not-reached`: a step before it ends the plan. */
  readonly outcome: XenAnswer['outcome'] | 'none' | 'not-reached';
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
  const report = await executePlan(port, onCopy, contents, {
    timeoutNs: 0,
    keepGoing: false,
    retries: 0,
  });
  return { ok: report.outcome === 'done', version, predictions: report.steps.map(predictionOf) };
}

/**
 * Why a plan may not be executed, as an error to throw: what check says of the same file. Null where every
 * step will be accepted.
 */
export function refusalOf({ predictions }: Preflight): XspliceError | null {
  const bad = predictions.find(({ outcome }) => outcome === 'refused' || outcome === 'fatal');
  if (bad === undefined) return null;
  const { step, faults } = bad;
  const findings = findingsOfFaults(step, operationOf(step), faults);
  const [first] = findings;
  if (first === undefined) throw new InternalError('a step is refused without a reason');
  return new XspliceError(first.code, first.message, {
    hint: `${first.hint ?? ''} Nothing was changed.`.trim(),
    findings,
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

function predictionOf({ step, status, result, error }: StepReport): Prediction {
  if (error !== undefined && !(error instanceof FatalVerdict)) throw error;
  const verdict = error?.verdict ?? result?.verdict;
  if (verdict === undefined) {
    const outcome = status === 'none' ? 'none' : 'not-reached';
    const nothing = { errno: null, stage: null, cause: null, log: [], assumptions: [], faults: [] };
    return { step, outcome, ...nothing };
  }
  const { operation: _, ...answer } = answerOf(operationOf(step), verdict);
  return { step, ...answer };
}

function operationOf({ action }: Step): Operation {
  if (action === 'none') throw new InternalError('nothing to do was asked about');
  return action;
}
