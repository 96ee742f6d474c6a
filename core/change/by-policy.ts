import { type Finding, finding, XspliceError } from '../findings/index.js';
import type { PayloadInput } from '../payload/index.js';
import {
  judgeByPolicy,
  type Policy,
  type SignatureFile,
  type Subject,
} from '../signature/index.js';
import type { Plan, Step } from '../stack/index.js';

/** The rules that a change has to keep, and where the signatures of its payloads are. */
export interface PolicyTerms {
  /** All of them hold. */
  readonly policies: readonly Policy[];
  /** What lies beside a payload's file and may be its signature. */
  readonly signaturesBeside: (file: string) => readonly SignatureFile[];
}

/** What brings a payload to a hypervisor, or into effect. */
const REACHES: readonly Step['action'][] = ['upload', 'apply', 'replace'];

/** What the policies have against a plan, and against dangers that were let pass; empty where nothing. */
export function policyFindings(
  { policies, signaturesBeside }: PolicyTerms,
  plan: Plan,
  payloads: readonly PayloadInput[],
  accepted: readonly Finding[],
): readonly Finding[] {
  const subjects = subjectsOf(plan, payloads, signaturesBeside);
  return policies.flatMap((policy) => [
    ...subjects.flatMap((subject) => judgeByPolicy(subject, policy)),
    ...accepted.flatMap(({ code, payload = '?' }) => {
      if (!policy.neverAccept.some((never) => never === code)) return [];
      const message = `${code} of ${payload} is not to be accepted: ${policy.source} says never`;
      return [finding('policy-forbids-accept', { payload, message })];
    }),
  ]);
}

/** Why nothing is changed; null where the policies have nothing against it. */
export function refusalByPolicy(findings: readonly Finding[]): XspliceError | null {
  const [first, ...others] = findings;
  if (first === undefined) return null;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  return new XspliceError('refused-by-policy', `Nothing was changed: ${first.message}${more}`, {
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

/** Each payload once, with its bytes where this plan sends them. */
function subjectsOf(
  { steps }: Plan,
  payloads: readonly PayloadInput[],
  signaturesBeside: PolicyTerms['signaturesBeside'],
): readonly Subject[] {
  const subjects = new Map<string, Subject>();
  for (const { action, name, buildId, sha256 } of steps) {
    if (!REACHES.includes(action) || subjects.has(name)) continue;
    const isSent = action === 'upload';
    const input = isSent ? payloads.find((one) => one.input.sha256 === sha256)?.input : undefined;
    if (input === undefined) {
      subjects.set(name, { name, buildId, sent: null });
      continue;
    }
    const beside = signaturesBeside(input.file);
    const sent = { payload: input, sha256: input.sha256, beside };
    subjects.set(name, { name, buildId, sent });
  }
  return [...subjects.values()];
}
