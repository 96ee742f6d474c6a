import { gatheredOf, putFirst } from './gathered.js';
import type { Model, ModelPayload } from './model.js';

/** The applied payloads, base first. */
export function appliedOf({ symbols, payloads, applied }: Model): readonly ModelPayload[] {
  const found: ModelPayload[] = [];
  for (let index = 0; index < applied.length; index++) {
    const name = applied[index] ?? '';
    const near = payloads[index];
    // As a rule they were applied in the order in which they were uploaded.
    const payload = near?.name === name ? near : namesOf({ symbols, payloads }, payloads).get(name);
    if (payload !== undefined) found.push(payload);
  }
  return found;
}

const namesOf = gatheredOf({
  start: () => new Map<string, ModelPayload>(),
  add: (names, payload: ModelPayload, _: Pick<Model, 'symbols' | 'payloads'>) =>
    putFirst(names, payload.name, payload),
});

/** The loaded payload whose text holds an address. */
export function payloadWithCode(model: Model, address: bigint): ModelPayload | null {
  const mapping = model.memory.mappingAt(address);
  const payload = mapping && textsOf(model, model.payloads).get(mapping.base);
  if (!payload) return null;
  const { text } = payload;
  return address >= text.address && address < text.address + text.sizeBytes ? payload : null;
}

/** By where their text is mapped, which is where it begins. */
const textsOf = gatheredOf({
  start: () => new Map<bigint, ModelPayload>(),
  add: (texts, payload: ModelPayload, _: Model) => putFirst(texts, payload.text.address, payload),
});
