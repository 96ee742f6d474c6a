import {
  functionName,
  functionsInMemory,
  idAt,
  type Model,
  type ModelPayload,
} from '../../verify/index.js';
import type { LoadedPayload, Snapshot } from '../snapshot.js';

/** Ours: payloads have a handful of strings. What is behind these is not listed. */
const MAX_METADATA = 4096;
/** Ours, in bytes: where they have to end. A whole payload is not larger. */
const MAX_METADATA_BYTES = 2 * 1024 * 1024;

/** What a hypervisor in this state says about itself. */
export function snapshotOf(model: Model, version: string): Snapshot {
  return {
    hypervisor: { buildId: model.buildId, release: model.rules.release, version },
    payloads: model.payloads.map((payload) => loadedPayload(model, payload)),
  };
}

function loadedPayload(model: Model, payload: ModelPayload): LoadedPayload {
  const { memory, rules } = model;
  const position = model.applied.indexOf(payload.name);
  return {
    name: payload.name,
    state: payload.state,
    rc: payload.rc,
    buildId: idAt(memory, payload.buildId),
    depends: idAt(memory, payload.depends),
    position: position < 0 ? null : position + 1,
    metadata: metadataOf(model, payload),
    functions: functionsInMemory(memory, rules, payload).map(
      (func) => functionName(memory, func) ?? '',
    ),
    reverted: payload.reverted,
  };
}

function metadataOf({ memory }: Model, { metadata }: ModelPayload): readonly string[] {
  const length = Math.min(Number(metadata?.sizeBytes ?? 0n), MAX_METADATA_BYTES);
  const bytes = metadata === null ? null : memory.readOrNull(metadata.address, length);
  if (bytes === null) return [];
  const text = Buffer.from(bytes).toString('latin1');
  // Pieces that are empty are not listed, but count: the split itself is bounded.
  return text.split('\0', MAX_METADATA).filter((line) => line !== '');
}
