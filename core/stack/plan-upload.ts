import { nameText } from '../abi/payload-name.js';
import { XspliceError } from '../findings/index.js';
import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import type { PlanPayload } from '../payload/index.js';
import { checkHypervisor, findLoaded, refuseTakenNames, uploadStep } from './load-steps.js';
import { makePlan } from './make-plan.js';
import { otherContentsText } from './other-contents.js';
import type { Plan, PlanOptions, Step } from './plan.js';
import { selectLoaded } from './select.js';

/**
 * Plans that these files are loaded and not applied, in the order given. One whose build-id is
 * loaded is left alone, whatever its name and state.
 *
 * Fails with `name-taken`, `wrong-hypervisor`, `duplicate-build-id`.
 */
export function planUpload(
  snapshot: Snapshot,
  payloads: readonly PlanPayload[],
  options: PlanOptions,
): Plan {
  const files = [...new Map(payloads.map((payload) => [payload.file, payload])).values()];
  refuseSameIds(files);
  const uploads: PlanPayload[] = [];
  const steps = files.map((payload): Step => {
    const loaded = snapshot.payloads[findLoaded(snapshot, payload)];
    if (loaded !== undefined) return doneStep(payload, loaded);
    uploads.push(payload);
    return uploadStep(payload, 'is not loaded yet');
  });
  checkHypervisor(snapshot, uploads);
  refuseTakenNames(snapshot.payloads, uploads);
  return makePlan('upload', snapshot, options, steps);
}

/**
 * Plans that these loaded payloads, each given by name or build-id, are removed.
 *
 * Fails with `no-such-payload`, `ambiguous-build-id`, and `still-applied` (with what has to be reverted first):
 * Xen unloads only what is not applied.
 */
export function planUnload(
  snapshot: Snapshot,
  texts: readonly string[],
  options: PlanOptions,
): Plan {
  const targets = new Set(texts.map((text) => selectLoaded(snapshot, text)));
  const steps = [...targets].map(({ name, state, position, buildId, depends }): Step => {
    if (state === 'APPLIED') throw stillApplied(snapshot, name, position);
    return { action: 'unload', name, buildId, depends, reason: 'is not applied' };
  });
  return makePlan('unload', snapshot, options, steps);
}

function refuseSameIds(files: readonly PlanPayload[]): void {
  const seen = new Map<string, string>();
  for (const { buildId, file } of files) {
    if (buildId === null) continue;
    const other = seen.get(buildId);
    if (other !== undefined) {
      throw new XspliceError(
        'duplicate-build-id',
        `${other} and ${file} have the same build-id ${buildId}`,
        { hint: 'Leave one of them out: Xen loads a build-id only once.' },
      );
    }
    seen.set(buildId, file);
  }
}

function doneStep(payload: PlanPayload, loaded: LoadedPayload): Step {
  const { buildId, depends, file, sha256 } = payload;
  const reason =
    loaded.name === payload.name
      ? `is loaded already (${loaded.state})`
      : `is loaded already (${loaded.state}), under this name`;
  return {
    ...{ action: 'none', name: loaded.name, buildId, depends, file, sha256 },
    reason: `${reason}${otherContentsText(payload, loaded)}`,
  };
}

function stillApplied(snapshot: Snapshot, name: string, position: number | null): XspliceError {
  const above = stackOf(snapshot).filter((p) => position !== null && (p.position ?? 0) > position);
  const order = [...above.reverse().map((p) => nameText(p.name)), nameText(name)];
  const hint =
    position === null
      ? `Revert it, and what is above it, first.`
      : `Revert ${order.join(', then ')} first.`;
  return new XspliceError(
    'still-applied',
    `${nameText(name)} is applied, so it cannot be unloaded`,
    {
      hint,
    },
  );
}
