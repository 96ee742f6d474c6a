import {
  functionName,
  functionsInMemory,
  idAt,
  type Model,
  type ModelPayload,
} from '../../verify/index.js';
import type { LoadedPayload, Snapshot } from '../snapshot.js';

/** Longest metadata that is split into strings, in bytes: a whole payload is not larger. */
const MOST_METADATA_BYTES = 2 * 1024 * 1024;

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
  if (!metadata || metadata.sizeBytes === 0n || !memory.isMapped(metadata.address)) return [];
  const length = Math.min(Number(metadata.sizeBytes), MOST_METADATA_BYTES);
  const text = Buffer.from(memory.read(metadata.address, length)).toString('latin1');
  return text.split('\0').filter((line) => line !== '');
}
