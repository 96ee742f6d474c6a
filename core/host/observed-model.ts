import type { BuildId } from '../abi/ids.js';
import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import {
  apply,
  findPayload,
  type Model,
  type ModelPayload,
  PAGE_SIZE,
  upload,
} from '../verify/index.js';

/** A model of a running hypervisor, and what could not be known of it. */
export interface ObservedModel {
  readonly model: Model;
  /** Payloads that are loaded but whose contents are not at hand: names, unescaped. */
  readonly opaque: readonly string[];
}

/** Where ids of payloads without contents are kept: no hypervisor maps anything there. */
const OPAQUE_BASE = 0xffff82cf00000000n;

/**
 * The model of a hypervisor that was observed: booted from an image (`booted`, without payloads), with
 * these payloads loaded and applied. Contents are looked for by build-id; a payload without is opaque:
 * it has its ids and its place in the stack, but no symbols, hooks, metadata or functions.
 */
export function modelForSnapshot(
  booted: Model,
  snapshot: Snapshot,
  contents: ReadonlyMap<BuildId, Uint8Array>,
): ObservedModel {
  const opaque: string[] = [];
  let model = booted;
  for (const [index, payload] of snapshot.payloads.entries()) {
    const bytes = payload.buildId === null ? undefined : contents.get(payload.buildId);
    const answer = bytes === undefined ? null : upload(model, payload.name, bytes);
    if (answer?.verdict.outcome.outcome === 'accepted') {
      model = answer.model;
    } else {
      opaque.push(payload.name);
      model = withOpaque(model, payload, index);
    }
  }
  for (const { name } of stackOf(snapshot)) {
    const known = !opaque.includes(name);
    const answer = known ? apply(model, name, { nodeps: true }) : null;
    model = answer?.verdict.outcome.outcome === 'accepted' ? answer.model : pushed(model, name);
  }
  const payloads = snapshot.payloads.flatMap(({ name, rc, reverted }) => {
    const payload = findPayload(model, name);
    return payload === null ? [] : [{ ...payload, rc, reverted: reverted ?? false }];
  });
  return { model: { ...model, payloads }, opaque };
}

function withOpaque(model: Model, payload: LoadedPayload, index: number): Model {
  const memory = model.memory.fork();
  const base = OPAQUE_BASE + BigInt(index) * PAGE_SIZE * 16n;
  const ids = [payload.buildId, payload.depends].map((id) => Buffer.from(id ?? '', 'hex'));
  const bytes = new Uint8Array(Buffer.concat([...ids, Buffer.alloc(1)]));
  memory.map({ base, bytes, writable: false, label: `ids of ${payload.name}` });
  const [own, parent] = ids;
  const nowhere = { address: base, sizeBytes: 0n };
  const entry: ModelPayload = {
    name: payload.name,
    state: 'CHECKED',
    rc: payload.rc,
    reverted: payload.reverted ?? false,
    safeToReapply: true,
    allocation: { base, pages: 0n },
    text: nowhere,
    rw: nowhere,
    ro: nowhere,
    funcs: { address: base, count: 0 },
    functionStates: [],
    symbols: [],
    buildId: { address: base, length: own?.length ?? 0 },
    depends: { address: base + BigInt(own?.length ?? 0), length: parent?.length ?? 0 },
    xenDepends: null,
    hooks: {},
    metadata: null,
  };
  return { ...model, memory, payloads: [...model.payloads, entry] };
}

function pushed(model: Model, name: string): Model {
  const payloads = model.payloads.map(
    (payload): ModelPayload => (payload.name === name ? { ...payload, state: 'APPLIED' } : payload),
  );
  return { ...model, payloads, applied: [...model.applied, name] };
}
