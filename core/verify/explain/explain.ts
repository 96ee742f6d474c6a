import type { Explanation } from '../../findings/index.js';
import { CHAIN_EXPLANATIONS } from './chain.js';
import { HAZARD_EXPLANATIONS } from './hazards.js';
import { STAGE_EXPLANATIONS } from './stages.js';

const ALL: ReadonlyMap<string, Explanation> = new Map([
  ...Object.entries(STAGE_EXPLANATIONS),
  ...Object.entries(HAZARD_EXPLANATIONS),
  ...Object.entries(CHAIN_EXPLANATIONS),
]);

/** What is known of a stage of Xen's, a hazard or a finding of the chain check; null for other codes. */
export function explain(code: string): Explanation | null {
  return ALL.get(code) ?? null;
}

/** Every code that `explain` knows, in the order of the stages, hazards and findings. */
export function explainedCodes(): readonly string[] {
  return [...ALL.keys()];
}
