import type { BuildId } from '../abi/ids.js';
import type { HookKind } from '../abi/livepatch.js';
import { payloadNameFor } from '../abi/payload-name.js';
import { idOrNull, type Payload } from './payload.js';

/** What the chain check needs to know of one payload file. */
export interface ChainMember {
  /** As the caller named it. */
  readonly file: string;
  /** Under which it would be uploaded. */
  readonly name: string;
  /** Hex digest of the file's bytes. */
  readonly sha256: string;
  /** Its own id; null where the file has none that can be read. */
  readonly buildId: BuildId | null;
  /** Its parent: the payload below it, or the hypervisor. Null where none can be read. */
  readonly depends: BuildId | null;
  /** The hypervisor it was built for; null where the file does not say (Xen up to 4.13). */
  readonly xenDepends: BuildId | null;
  /** Names of the functions it replaces. */
  readonly functions: readonly string[];
}

/** A payload file as planning sees it. */
export interface PlanPayload extends ChainMember {
  /** Xen applies it again after a revert without a new upload (no writable data of its own). */
  readonly safeToReapply: boolean;
  /** Its hooks that make REPLACE impossible. */
  readonly vetoingHooks: readonly HookKind[];
}

/**
 * A payload as the chain check and the planners see it. `sha256` is the hex digest of its bytes;
 * `name` is the name to upload it under, by default that of {@link payloadNameFor}, whose failures
 * this shares.
 */
export function planPayloadOf(
  payload: Payload,
  sha256: string,
  name: string = payloadNameFor(payload.file),
): PlanPayload {
  return {
    file: payload.file,
    name,
    sha256,
    buildId: idOrNull(payload.buildId),
    depends: idOrNull(payload.depends),
    xenDepends: idOrNull(payload.xenDepends),
    safeToReapply: payload.safeToReapply,
    vetoingHooks: payload.vetoingHooks,
    functions: payload.functions.flatMap((f) => f.name ?? []),
  };
}
