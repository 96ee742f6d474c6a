import type { BuildId } from '../abi/ids.js';
import type { Payload, PayloadId } from '../payload/index.js';
import { payloadNameFor } from './name.js';
import type { PlanPayload } from './plan.js';

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

function idOrNull(id: PayloadId): BuildId | null {
  return id.status === 'present' ? id.id : null;
}
