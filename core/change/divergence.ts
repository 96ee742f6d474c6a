import { formatRc } from '../abi/errno.js';
import { nameText } from '../abi/payload-name.js';
import { type Finding, finding } from '../findings/index.js';
import type { ExecutionReport, StepReport } from './execute.js';
import type { Preflight } from './preflight.js';

/**
 * Where the hypervisor answered other than it was predicted to: a bug of this program, or a hypervisor
 * that is not what its id says. Busy and skipped steps say nothing, and neither does a refusal where
 * another tool changed the payloads meanwhile. Each finding has what is needed to
 * reproduce it: the payload's digest, both answers, and what Xen printed.
 */
export function divergencesOf(
  verification: Preflight | { readonly notVerified: string } | null,
  report: ExecutionReport,
): readonly Finding[] {
  if (verification === null || 'notVerified' in verification) return [];
  if (report.undone.some(({ status }) => status === 'none')) return [];
  return report.steps.flatMap((done, index) => {
    const prediction = verification.predictions[index];
    if (prediction?.outcome !== 'accepted' || done.status !== 'failed') return [];
    return [divergence(done, verification.version)];
  });
}

function divergence({ step, result }: StepReport, version: string): Finding {
  const { action, name, sha256, buildId, file } = step;
  const answers =
    result === null
      ? 'no answer'
      : `hypercall ${formatRc(result.hypercallRc)}, payload rc ${result.payloadRc === null ? 'none' : formatRc(result.payloadRc)}`;
  const printed = (result?.log ?? []).map(nameText).join(' | ');
  return finding('divergence', {
    message: `Xen ${version} was predicted to accept the ${action} of ${nameText(name)} and did not: ${answers}; it printed: ${printed === '' ? 'nothing' : printed}`,
    hint: `Please report it with the payload (build-id ${buildId ?? 'unknown'}, sha256 ${sha256 ?? 'not uploaded now'}) and the hypervisor's package version.`,
    expected: 'accepted',
    actual: answers,
    ...(file === undefined ? {} : { file }),
  });
}
