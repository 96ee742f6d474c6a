import { nameText } from '../abi/payload-name.js';
import { type Finding, finding } from '../findings/index.js';
import { type LoadedPayload, type Snapshot, topOf } from '../hypervisor/index.js';
import type { Plan, Step } from '../stack/index.js';

/**
 * The step that takes another one back, on the hypervisor as it is now, or null where there is none:
 * REPLACE is a point of no return, and what was unloaded is gone unless its bytes are at hand.
 *
 * What was reverted had been on top of what is on top now. If it does not name that as its parent, it
 * was applied with NODEPS, and is applied so again.
 */
export function undoStep(step: Step, now: Snapshot): Step | null {
  const { name, buildId, depends, file, sha256, hooksFirst } = step;
  const base = { name, buildId, depends, ...(hooksFirst === undefined ? {} : { hooksFirst }) };
  switch (step.action) {
    case 'upload':
      return { ...base, action: 'unload', reason: 'it was uploaded by this command' };
    case 'apply':
      return { ...base, action: 'revert', reason: 'it was applied by this command' };
    case 'revert':
      return {
        ...base,
        action: 'apply',
        nodeps: !namesTop(step, now),
        reason: 'it was reverted by this command',
      };
    case 'unload':
      if (file === undefined || sha256 === undefined) return null;
      return {
        ...base,
        file,
        sha256,
        action: 'upload',
        reason: 'it was unloaded by this command',
      };
    case 'replace':
    case 'none':
      return null;
  }
}

/**
 * Why there is nothing left to do for a step that takes another one back, as its
 * reason; null where it has to be done. Another tool may have been there first, and Xen's errnos do not
 * tell (ENOENT, EINVAL and EBUSY have other causes): what is loaded now does.
 *
 * A payload of the same name with another id is somebody else's: ours is gone.
 */
export function alreadyUndone(undo: Step, now: Snapshot): string | null {
  const loaded = now.payloads.find((payload) => isSame(payload, undo));
  switch (undo.action) {
    case 'unload':
      return loaded === undefined ? 'somebody else unloaded it' : null;
    case 'revert':
      if (loaded === undefined) return 'somebody else unloaded it';
      return loaded.state === 'APPLIED' ? null : 'somebody else reverted it';
    case 'apply':
      return loaded?.state === 'APPLIED' ? 'somebody else applied it' : null;
    case 'upload':
      return loaded === undefined ? null : 'somebody else uploaded it';
    case 'replace':
    case 'none':
      return null;
  }
}

/** True where name and id agree; an id that is not known disagrees with none. */
export function isSame(payload: LoadedPayload, { name, buildId }: Step): boolean {
  const isOther = payload.buildId !== null && buildId !== null && payload.buildId !== buildId;
  return payload.name === name && !isOther;
}

/** True where the payload's parent is the top, or cannot be told not to be. */
function namesTop({ depends }: Step, now: Snapshot): boolean {
  const top = topOf(now);
  const id = top ? top.buildId : now.hypervisor.buildId;
  return depends === null || id === null || depends === id;
}

/**
 * What cannot be taken back if a later step of the plan fails, as `cannot-be-taken-back` notes, to be
 * said before it is begun. `safeToReapply` knows loaded payloads by name; null where it is not known.
 *
 * The last step needs no way back: if it fails, it was not done.
 */
export function checkTakeBack(
  plan: Plan,
  safeToReapply: (name: string) => boolean | null,
): readonly Finding[] {
  const changes = plan.steps.filter(({ action }) => action !== 'none');
  return changes.slice(0, -1).flatMap((step) => {
    const why = whyFinal(step, safeToReapply);
    if (why === null) return [];
    return [
      finding('cannot-be-taken-back', {
        message: `If a later step fails, the ${step.action} of ${nameText(step.name)} cannot be taken back: ${why}`,
      }),
    ];
  });
}

function whyFinal(step: Step, safeToReapply: (name: string) => boolean | null): string | null {
  switch (step.action) {
    case 'replace':
      return 'Xen has reverted what was there before';
    case 'unload':
      return step.sha256 === undefined ? 'no file of it is at hand that may be uploaded' : null;
    case 'revert': {
      const safe = safeToReapply(step.name);
      if (safe === true) return null;
      const data = 'data of its own, which Xen does not apply a second time';
      return safe === false ? `it has ${data}` : `it may have ${data}`;
    }
    default:
      return null;
  }
}
