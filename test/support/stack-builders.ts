import { createHash } from 'node:crypto';
import { type BuildId, parseBuildId } from '../../core/abi/ids.js';
import type { HostDescription } from '../../core/hypervisor/port.js';
import type { LoadedPayload, Snapshot } from '../../core/hypervisor/snapshot.js';
import type { PlanPayload } from '../../core/payload/plan-payload.js';

export const HOST: HostDescription = {
  spec: 'embedded:test',
  tellsReverted: true,
  tellsPlaces: true,
};

/** An id made from a word: SHA-1 of it. */
export function idOf(word: string): BuildId {
  return parseBuildId(createHash('sha1').update(word).digest('hex'));
}

/** Id of the hypervisor that all builders assume. */
export const XEN_ID = idOf('hypervisor');

/** A payload file `WORD.livepatch` on `parent` (a word; null is the hypervisor). */
export function payloadFile(
  word: string,
  parent: string | null,
  override: Partial<PlanPayload> = {},
): PlanPayload {
  return {
    file: `${word}.livepatch`,
    name: word,
    sha256: createHash('sha256').update(word).digest('hex'),
    buildId: idOf(word),
    depends: parent === null ? XEN_ID : idOf(parent),
    xenDepends: XEN_ID,
    safeToReapply: true,
    vetoingHooks: [],
    functions: [`${word}_fn`],
    ...override,
  };
}

/** `p01` on the hypervisor, `p02` on `p01`, and so on. */
export function chainOf(count: number, override: Partial<PlanPayload> = {}): PlanPayload[] {
  const word = (n: number) => `p${String(n).padStart(2, '0')}`;
  return Array.from({ length: count }, (_, i) =>
    payloadFile(word(i + 1), i === 0 ? null : word(i), override),
  );
}

/** The payload once it is loaded: applied at a position, or CHECKED where that is null. */
export function loaded(
  payload: PlanPayload,
  position: number | null,
  override: Partial<LoadedPayload> = {},
): LoadedPayload {
  return {
    name: payload.name,
    state: position === null ? 'CHECKED' : 'APPLIED',
    rc: 0,
    buildId: payload.buildId,
    depends: payload.depends,
    position,
    metadata: [],
    functions: payload.functions,
    reverted: false,
    ...override,
  };
}

export function snapshotOf(
  payloads: readonly LoadedPayload[],
  buildId: BuildId | null = XEN_ID,
): Snapshot {
  return {
    hypervisor: { buildId, release: { major: 4, minor: 17, patch: 7 }, version: '4.17.7' },
    payloads,
  };
}

/** These payloads applied one on another, uploaded in the same order. */
export function stackOfFiles(payloads: readonly PlanPayload[]): Snapshot {
  return snapshotOf(payloads.map((payload, index) => loaded(payload, index + 1)));
}
