import { nameText } from '../../core/abi/payload-name.js';
import type {
  ExecutionReport,
  Prediction,
  StepReport,
  Verification,
} from '../../core/change/index.js';
import type { Finding } from '../../core/findings/index.js';
import { type Snapshot, stackOf } from '../../core/hypervisor/index.js';
import type { Plan } from '../../core/stack/index.js';

type Fields = Readonly<Record<string, unknown>>;

/** A plan and its verification for programs. */
export function planFields(
  plan: Plan,
  { hypervisor }: Snapshot,
  verification: Verification | null,
): Fields {
  const { host, command, before, after, steps, findings, fingerprint } = plan;
  return {
    host: host.spec,
    hypervisor: { buildId: hypervisor.buildId, version: hypervisor.version },
    command,
    plan: {
      formatVersion: plan.formatVersion,
      fingerprint,
      before: before.map(named),
      steps: steps.map(named),
      after: after.map(named),
    },
    verification: verificationFields(verification),
    findings,
  };
}

/** What became of a plan, for programs. */
export function executionFields(report: ExecutionReport, elapsedMs: number): Fields {
  return {
    elapsedMs,
    outcome: report.outcome,
    interrupted: report.interrupted,
    asItWas: report.asItWas,
    steps: report.steps.map(stepFields),
    undone: report.undone.map(stepFields),
    lost: report.lost.map(named),
    after:
      report.after === null
        ? null
        : stackOf(report.after).map(({ name, buildId, depends }) =>
            named({ name, buildId, depends }),
          ),
    ...(report.isLeftToHost ? { leftToHost: true } : {}),
  };
}

/** A danger that was let pass, for programs. */
export function acceptedFields({ code, payload }: Finding): Fields {
  return { code, payload: payload ?? null };
}

function verificationFields(verification: Verification | null): Fields | null {
  if (verification === null) return null;
  if ('notVerified' in verification) {
    return { ok: null, notVerified: verification.notVerified, predictions: null };
  }
  const { ok, version, predictions } = verification;
  return { ok, notVerified: null, version, predictions: predictions.map(predictionFields) };
}

function predictionFields({ step, faults: _, ...rest }: Prediction): Fields {
  return { action: step.action, name: nameText(step.name), ...rest };
}

function stepFields({ step, status, attempts, result, error }: StepReport): Fields {
  const failure =
    error === undefined ? {} : { error: { code: error.code, message: error.message } };
  return { ...named(step), status, attempts, result: resultFields(result), ...failure };
}

function resultFields(result: StepReport['result']): Fields | null {
  if (result === null) return null;
  const { verdict, ...answers } = result;
  if (verdict === undefined) return answers;
  const { outcome, assumptions } = verdict;
  const stage = outcome.outcome === 'accepted' ? {} : { stage: outcome.stage };
  return { ...answers, assumptions, ...stage };
}

function named<T extends { readonly name: string }>(value: T): T {
  return { ...value, name: nameText(value.name) };
}
