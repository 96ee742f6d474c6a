import { nameText } from '../../core/abi/payload-name.js';
import type { ExecutionReport, Prediction, StepReport } from '../../core/change/index.js';
import { type Snapshot, stackOf } from '../../core/hypervisor/index.js';
import type { Plan } from '../../core/stack/index.js';
import type { Verification } from './plan.js';

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
    steps: report.steps.map(stepFields),
    undone: report.undone.map(stepFields),
    after: stackOf(report.after).map(({ name, buildId, depends }) =>
      named({ name, buildId, depends }),
    ),
  };
}

function verificationFields(verification: Verification | null): Fields | null {
  if (verification === null) return null;
  if ('notVerified' in verification) {
    return { ok: null, notVerified: verification.notVerified, predictions: null };
  }
  const { ok, version, predictions } = verification;
  return { ok, notVerified: null, version, predictions: predictions.map(predictionFields) };
}

function predictionFields({ step, ...rest }: Prediction): Fields {
  return { action: step.action, name: nameText(step.name), ...rest };
}

function stepFields({ step, status, attempts, result }: StepReport): Fields {
  return { ...named(step), status, attempts, result };
}

function named<T extends { readonly name: string }>(value: T): T {
  return { ...value, name: nameText(value.name) };
}
