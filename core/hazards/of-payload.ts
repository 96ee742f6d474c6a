import type { Finding } from '../findings/index.js';
import type { SymbolTable } from '../image/index.js';
import type { PayloadInput } from '../payload/index.js';
import { findPayload, type Model } from '../verify/index.js';
import { checkHazards, type HazardContext } from './check-hazards.js';

/** What Xen accepts of a payload and what is dangerous all the same; the model has it loaded. */
export function hazardsOf(
  { payload, planned }: PayloadInput,
  model: Model,
  symbols: SymbolTable | null,
  how: Pick<HazardContext, 'intent' | 'isCodeCompared'> = { intent: 'apply' },
): readonly Finding[] {
  const loaded = findPayload(model, planned.name);
  if (loaded === null) return [];
  const imports = payload.imports.map(({ name }) => name);
  return checkHazards(model, loaded, { file: planned.file, symbols, imports, ...how });
}
