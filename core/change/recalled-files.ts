import type { PayloadInput } from '../payload/index.js';
import type { Plan, Step } from '../stack/index.js';
import { type PolicyTerms, policyFindings } from './by-policy.js';
import { inputOf } from './step-input.js';
import type { Witness } from './witness.js';

/** What knows files of payloads, and what they have to keep. */
interface Terms {
  readonly witness?: Witness;
  readonly policy?: PolicyTerms;
}

/**
 * Files of payloads that a plan unloads and nobody gave, one for each: with it the unload can be taken back. A build-id
 * of which two files are kept gives none, and so does a file that the policy does not let be uploaded.
 */
export async function filesOfUnloads(
  plan: Plan,
  { witness, policy }: Terms,
): Promise<readonly PayloadInput[]> {
  // The last step is not taken back: if it fails, it was not done.
  const lacking = plan.steps.slice(0, -1).filter(lacksFile);
  if (witness === undefined || lacking.length === 0) return [];
  const kept = await witness.recall(lacking);
  return lacking.flatMap((step) => {
    const { buildId } = step;
    const [file, ...others] = kept.filter(
      ({ planned }) => buildId !== null && planned.buildId === buildId,
    );
    if (file === undefined || others.length > 0) return [];
    if (policy === undefined) return [file];
    const again: Step = { ...step, ...placeOf(file), action: 'upload' };
    return policyFindings(policy, { ...plan, steps: [again] }, [file], []).length > 0 ? [] : [file];
  });
}

/** The plan whose unloads name these files. */
export function withFiles(plan: Plan, files: readonly PayloadInput[]): Plan {
  if (files.length === 0) return plan;
  const steps = plan.steps.map((step) => {
    const file = lacksFile(step) ? inputOf(step, files) : undefined;
    return file === undefined ? step : { ...step, ...placeOf(file) };
  });
  return { ...plan, steps };
}

function lacksFile({ action, sha256 }: Step): boolean {
  return action === 'unload' && sha256 === undefined;
}

function placeOf({ planned: { file, sha256 } }: PayloadInput): Pick<Step, 'file' | 'sha256'> {
  return { file, sha256 };
}
