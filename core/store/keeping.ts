import type { BeginningChange } from '../change/index.js';
import { signaturesBeside } from '../inputs/index.js';
import type { PayloadStore } from './payload-store.js';

/** Keeps a copy of each payload that a plan brings in, with what signs it, before the hypervisor is touched. */
export async function keepPayloads(
  store: PayloadStore,
  { plan, payloads }: BeginningChange,
): Promise<void> {
  const used = new Set(plan.steps.flatMap(({ file }) => file ?? []));
  const fresh = payloads.filter(({ planned }) => used.has(planned.file));
  if (fresh.length === 0) return;
  await store.add(
    fresh.map((payload) => ({ payload, signatures: signaturesBeside(payload.input.file) })),
  );
}
