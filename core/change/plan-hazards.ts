import type { Finding } from '../findings/index.js';
import { hazardsOf, unusedParts } from '../hazards/index.js';
import type { SymbolTable } from '../image/index.js';
import type { PayloadInput } from '../payload/index.js';
import type { Plan } from '../stack/index.js';
import { type Model, upload } from '../verify/index.js';

/**
 * The hazards of every payload that a plan brings in: each is uploaded to the model as the plan would.
 * One that Xen does not accept has only what Xen passes over in it: the rest is the preflight's to say.
 */
export function hazardsOfPlan(
  plan: Plan,
  payloads: readonly PayloadInput[],
  model: Model,
  symbols: SymbolTable | null,
): readonly Finding[] {
  const findings: Finding[] = [];
  const intent = plan.command === 'replace' ? 'replace' : 'apply';
  let current = model;
  for (const step of plan.steps.filter(({ action }) => action === 'upload')) {
    const found = payloads.find(({ input }) => input.sha256 === step.sha256);
    if (found === undefined) continue;
    current = upload(current, step.name, found.input.bytes).model;
    const named = { ...found, planned: { ...found.planned, name: step.name } };
    findings.push(...unusedParts(found.payload, model.rules));
    findings.push(...hazardsOf(named, current, symbols, intent));
  }
  return findings;
}
