import type { Finding } from '../findings/index.js';
import type { PreflightModel } from '../host/index.js';
import type { Snapshot } from '../hypervisor/index.js';
import { contentsOf, type PayloadInput } from '../payload/index.js';
import type { Plan } from '../stack/index.js';
import { findPayload } from '../verify/index.js';
import { hazardsOfPlan } from './plan-hazards.js';
import { type Preflight, preflightPlan } from './preflight.js';
import { checkTakeBack } from './undo.js';
import { unknownFindings } from './unknown-findings.js';

/** What a plan was verified with: the answers to come, or why there are none. */
export type Verification =
  | (Preflight & {
      /** What is not known of the hypervisor, in words. */
      readonly unknown: readonly string[];
      /** What is dangerous although Xen accepts it, and what cannot be taken back. */
      readonly hazards: readonly Finding[];
    })
  | { readonly notVerified: string; readonly hazards: readonly Finding[] };

/** Tries a plan on a copy of the hypervisor, and looks for dangers in what it brings in. */
export async function verifyPlan(
  plan: Plan,
  snapshot: Snapshot,
  payloads: readonly PayloadInput[],
  copy: PreflightModel,
): Promise<Verification> {
  const dangers = unknownFindings(plan, snapshot, payloads, copy);
  if (copy.model === null) return { notVerified: copy.why, hazards: dangers };
  const { model, version, unknown } = copy;
  const contents = contentsOf(payloads.map(({ input }) => input));
  const preflight = await preflightPlan(plan, contents, model, version);
  const hazards = [
    ...dangers,
    ...hazardsOfPlan(plan, payloads, copy),
    ...checkTakeBack(plan, (name) => findPayload(model, name)?.safeToReapply ?? null),
  ];
  return { ...preflight, unknown, hazards };
}
