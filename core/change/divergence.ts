import { formatRc } from '../abi/errno.js';
import { nameText } from '../abi/payload-name.js';
import { type Finding, finding } from '../findings/index.js';
import type { ExecutionReport, StepReport } from './execution.js';
import type { Prediction, Preflight } from './preflight.js';

/**
 * Where the hypervisor answered other than it was predicted to. Where the prediction rested on an assumption
 * that was announced, that one did not hold (`assumption-failed`). Otherwise it is a `divergence`: a bug of this
 * program, or a hypervisor that is not what its id says, with what is needed to reproduce it.
 *
 * Busy and skipped steps say nothing, and neither do those without an answer, or a refusal where another tool
 * changed the payloads meanwhile.
 */
export function divergencesOf(
  verification: Preflight | { readonly notVerified: string } | null,
  report: ExecutionReport,
): readonly Finding[] {
  if (verification === null || 'notVerified' in verification) return [];
  if (report.undone.some(({ status }) => status === 'none')) return [];
  const uploads = new Map(
    report.steps.flatMap(({ step }) =>
      step.action === 'upload' ? [[step.name, step.sha256] as const] : [],
    ),
  );
  return report.steps.flatMap((done, index) => {
    const prediction = verification.predictions[index];
    if (prediction?.outcome !== 'accepted' || done.status !== 'failed' || done.error) return [];
    return prediction.assumptions.length > 0
      ? [assumptionFailed(done, prediction)]
      : [divergence(done, verification.version, uploads.get(done.step.name))];
  });
}

function assumptionFailed({ step, result }: StepReport, { assumptions }: Prediction): Finding {
  const only = assumptions.length === 1;
  return finding('assumption-failed', {
    message: `The verdict on the ${step.action} of ${nameText(step.name)} rested on ${only ? 'an assumption that did' : 'assumptions of which one did'} not hold: ${assumptions.join('; ')}`,
    hint: `Xen's answer: ${answersText(result)}.`,
    ...(step.file === undefined ? {} : { file: step.file }),
  });
}

function divergence(
  { step, result }: StepReport,
  version: string,
  sha256: string | undefined,
): Finding {
  const { action, name, buildId, file } = step;
  const answers = answersText(result);
  const printed = (result?.log ?? []).map(nameText).join(' | ');
  return finding('divergence', {
    message: `Xen ${version} was predicted to accept the ${action} of ${nameText(name)} and did not: ${answers}; it printed: ${printed === '' ? 'nothing' : printed}`,
    hint: `Please report it with the payload (build-id ${buildId ?? 'unknown'}, sha256 ${sha256 ?? step.sha256 ?? 'not uploaded now'}) and the hypervisor's package version.`,
    expected: 'accepted',
    actual: answers,
    ...(file === undefined ? {} : { file }),
  });
}

function answersText(result: StepReport['result']): string {
  if (result === null) return 'no answer';
  const { hypercallRc, payloadRc } = result;
  return `hypercall ${formatRc(hypercallRc)}, payload rc ${payloadRc === null ? 'none' : formatRc(payloadRc)}`;
}
