import type { Finding } from '../errors.js';
import type { SymbolTable } from '../image/index.js';
import type { Plan } from '../stack/index.js';
import { checkHazards } from '../verify/hazards/index.js';
import { findPayload, type Model, upload } from '../verify/index.js';
import type { PayloadInput } from './read-inputs.js';

/** What Xen accepts of a payload and what is dangerous all the same; the model has it loaded. */
export function hazardsOf(
  { payload, planned }: PayloadInput,
  model: Model,
  symbols: SymbolTable | null,
  intent: 'apply' | 'replace' = 'apply',
): readonly Finding[] {
  const loaded = findPayload(model, planned.name);
  if (loaded === null) return [];
  const imports = payload.imports.map(({ name }) => name);
  return checkHazards(model, loaded, { file: planned.file, symbols, imports, intent });
}

/**
 * The hazards of every payload that a plan brings in: each is uploaded to the model as the plan would.
 * One that Xen does not accept is left out: that is the preflight's to say.
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
    findings.push(...hazardsOf(named, current, symbols, intent));
  }
  return findings;
}
