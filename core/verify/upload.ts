import { PAGE_SIZE } from '../abi/address.js';
import { XEN_ERRNO } from '../abi/errno.js';
import { LIVEPATCH_MAX_SIZE, XEN_LIVEPATCH_NAME_SIZE } from '../abi/livepatch.js';
import type { Reason } from './advice.js';
import { type Loading, recordFatality, startLoading, untilNow } from './loading.js';
import { type AddressSpace, MemoryFault } from './memory.js';
import { findPayload, type Model, type ModelPayload } from './model.js';
import type { StageId } from './stage-id.js';
import { NEEDS } from './stage-order.js';
import { STAGES } from './stages/index.js';
import { type Fault, type Verdict, type VerdictStage, XenPanic } from './verdict.js';
import { pagesFor } from './vmap.js';

/**
 * Where the file's buffer is while it is loaded: some address of the VMAP_DEFAULT range
 * (VMAP_VIRT_START, asm/config.h) with nothing mapped around it. The next upload's buffer is put at
 * the same place once this one is freed.
 */
const RAW_BUFFER = 0xffff82c000200000n;

/** A verdict on an operation, and the model after it. Refused and fatal ones leave the model as it was. */
export interface Answer {
  readonly verdict: Verdict;
  readonly model: Model;
}

/** The last one on each model: an upload is verified first, and looked at for hazards then. */
const answered = new WeakMap<Model, { name: string; bytes: Uint8Array; answer: Answer }>();

/**
 * livepatch_upload: what Xen answers to this file under this name, and the hypervisor afterwards. Models
 * and bytes do not change, so that the same question again costs nothing.
 */
export function upload(model: Model, name: string, bytes: Uint8Array): Answer {
  const last = answered.get(model);
  if (last?.name === name && last.bytes === bytes) return last.answer;
  const answer = load(model, name, bytes);
  answered.set(model, { name, bytes, answer });
  return answer;
}

function load(model: Model, name: string, bytes: Uint8Array): Answer {
  const early = checkRequest(model, name, bytes);
  if (early) return { model, verdict: verdictOf(early, []) };

  const memory = model.memory.fork();
  const raw = { address: RAW_BUFFER, sizeBytes: BigInt(bytes.length) };
  mapFile(memory, bytes);
  const loading = startLoading(model, name, memory, raw);
  const [first, ...behind] = runStages(loading);
  if (first) return { model, verdict: verdictOf(first, behind) };
  const payload = finish(loading);
  memory.unmap(RAW_BUFFER, PAGE_SIZE);
  return {
    model: { ...model, memory, payloads: [...model.payloads, payload] },
    verdict: {
      outcome: { outcome: 'accepted' },
      hypercallRc: 0,
      payloadRc: 0,
      log: [],
      faults: [],
      ...untilNow(loading),
    },
  };
}

/** verify_payload, get_name and find_payload. */
function checkRequest(model: Model, name: string, bytes: Uint8Array): Fault | null {
  const wrong = (reason: Reason) => silently('name-and-size', XEN_ERRNO.EINVAL, reason);
  if (!isNameAccepted(name)) return wrong('name-not-accepted');
  if (bytes.length === 0) return wrong('file-empty');
  if (bytes.length > LIVEPATCH_MAX_SIZE) return wrong('file-too-large');
  return findPayload(model, name) ? silently('same-name', XEN_ERRNO.EEXIST, 'name-taken') : null;
}

function silently(stage: VerdictStage, errno: number, reason: Reason): Fault {
  const outcome = { outcome: 'refused', stage, errno } as const;
  return { outcome, log: [], assumptions: [], where: {}, reason };
}

/** get_name: 1 to 128 bytes with the NUL; the name itself may be empty. Latin1, one byte a character. */
export function isNameAccepted(name: string): boolean {
  return name.length < XEN_LIVEPATCH_NAME_SIZE && !name.includes('\0');
}

/** The first fault is what Xen answers. */
function verdictOf(first: Fault, behind: readonly Fault[]): Verdict {
  const { outcome, log, assumptions, strayWrites } = first;
  const faults = [first, ...behind];
  if (outcome.outcome === 'fatal') {
    return { outcome, hypercallRc: null, payloadRc: null, log, assumptions, faults };
  }
  const answer = {
    outcome,
    hypercallRc: -outcome.errno,
    payloadRc: null,
    log,
    assumptions,
    faults,
  };
  return strayWrites === undefined ? answer : { ...answer, strayWrites };
}

/** vmalloc and copy_from_guest: whole pages, of which the last one's rest is undefined (zero here). */
function mapFile(memory: AddressSpace, bytes: Uint8Array): void {
  const buffer = new Uint8Array(Number(pagesFor(BigInt(bytes.length)) * PAGE_SIZE));
  buffer.set(bytes);
  memory.map({ base: RAW_BUFFER, bytes: buffer, writable: true, label: 'payload file' });
}

/**
 * The stages in Xen's order, and every fault that they find. Xen stops at the first. Behind it, a stage
 * runs only if all that it needs has passed: what it finds then is wrong by itself.
 */
function runStages(loading: Loading): readonly Fault[] {
  const notPassed = new Set<StageId>();
  for (const stage of loading.rules.stages) {
    const canRun = !NEEDS[stage].some((needed) => notPassed.has(needed));
    if (!canRun || !passes(loading, stage)) notPassed.add(stage);
  }
  return loading.faults;
}

/** Runs one stage, which records what it finds wrong. */
function passes(loading: Loading, stage: StageId): boolean {
  loading.stage = stage;
  loading.doing = null;
  const before = loading.faults.length;
  try {
    STAGES[stage](loading);
  } catch (error) {
    if (!(error instanceof MemoryFault || error instanceof XenPanic)) throw error;
    recordFatality(loading, error.message);
  }
  return loading.faults.length === before;
}

/** The rest of livepatch_upload, secure_payload included: page permissions, and the payload's place in the list. */
function finish({ name, draft, memory }: Loading): ModelPayload {
  const { text, rw, ro } = draft;
  const allocation = draft.allocation ?? { base: 0n, pages: 0n };
  protect(memory, name, allocation, { text, rw, ro });
  return {
    name,
    state: 'CHECKED',
    rc: 0,
    reverted: false,
    safeToReapply: draft.safeToReapply,
    allocation,
    text,
    rw,
    ro,
    funcs: draft.funcs,
    functionStates: draft.functionStates,
    symbols: draft.symbols,
    buildId: draft.buildId,
    depends: draft.depends,
    xenDepends: draft.xenDepends,
    hooks: draft.hooks,
    metadata: draft.metadata,
  };
}

/** secure_payload: the one buffer of the load becomes three regions with their own permissions. */
function protect(
  memory: AddressSpace,
  name: string,
  { base, pages }: ModelPayload['allocation'],
  areas: Pick<ModelPayload, 'text' | 'rw' | 'ro'>,
): void {
  if (pages === 0n) return;
  const total = Number(pages * PAGE_SIZE);
  const buffer = memory.read(base, total);
  const rwStart = Number(areas.rw.address - base);
  const roStart = Number(areas.ro.address - base);
  memory.unmap(base, pages * PAGE_SIZE);
  const parts = [
    { start: 0, end: rwStart, writable: false, area: 'text', holds: 'text' },
    { start: rwStart, end: roStart, writable: true, area: 'data', holds: null },
    { start: roStart, end: total, writable: false, area: 'rodata', holds: 'rodata' },
  ] as const;
  for (const { start, end, writable, area, holds } of parts) {
    if (end <= start) continue;
    memory.map({
      base: base + BigInt(start),
      bytes: buffer.slice(start, end),
      writable,
      ...(holds === null ? {} : { holds }),
      label: `payload ${name} ${area}`,
    });
  }
}
