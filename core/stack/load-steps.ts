import { nameText } from '../abi/payload-name.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import type { LoadedPayload, Snapshot } from '../hypervisor/index.js';
import type { PlanPayload } from '../payload/index.js';
import { checkChain } from './chain.js';
import type { Step } from './plan.js';

/** How payload files get onto the hypervisor, and under which names they are there afterwards. */
export interface LoadSteps {
  /** Unloads first, then uploads in the order of the payloads. */
  readonly steps: readonly Step[];
  readonly names: ReadonlyMap<PlanPayload, string>;
}

/**
 * The steps after which each of these payloads, none of them applied, is loaded and fit to be
 * applied, in the order given: lower ones first.
 *
 * One that is loaded is used as it is, under the name it has. Not so if it was reverted, or may have
 * been, and has data that Xen would find changed; and not if anything below it is uploaded later
 * than it was: Xen links a payload once, at upload, with the copies of the others that are there
 * then, so what it uses of a lower one would point to a copy that is gone. Such a one is unloaded
 * and uploaded anew.
 *
 * Fails with `name-taken`.
 */
export function loadSteps(snapshot: Snapshot, order: readonly PlanPayload[]): LoadSteps {
  const names = new Map<PlanPayload, string>();
  const unloads: Step[] = [];
  const uploads: [PlanPayload, string][] = [];
  const gone = new Set<LoadedPayload>();
  let lastBelow = snapshot.payloads.findLastIndex((p) => p.state === 'APPLIED');
  for (const payload of order) {
    const index = findLoaded(snapshot, payload);
    const loaded = snapshot.payloads[index];
    if (loaded === undefined) {
      uploads.push([payload, 'is not loaded yet']);
      lastBelow = Number.MAX_SAFE_INTEGER;
      continue;
    }
    const why = whyAnew(payload, loaded, index < lastBelow);
    if (why === null) {
      names.set(payload, loaded.name);
      lastBelow = index;
      continue;
    }
    const { name, buildId, depends } = loaded;
    const { file, sha256 } = payload;
    unloads.push({ action: 'unload', name, buildId, depends, file, sha256, reason: why });
    gone.add(loaded);
    uploads.push([payload, 'is uploaded anew']);
    lastBelow = Number.MAX_SAFE_INTEGER;
  }
  const stay = snapshot.payloads.filter((payload) => !gone.has(payload));
  const steps = uploads.map(([payload, reason]) => {
    names.set(payload, payload.name);
    return uploadStep(payload, reason);
  });
  refuseTakenNames(
    stay,
    uploads.map(([payload]) => payload),
  );
  return { steps: [...unloads, ...steps], names };
}

/** The step that uploads a file. */
export function uploadStep(payload: PlanPayload, reason: string): Step {
  const { name, buildId, depends, file, sha256 } = payload;
  return { action: 'upload', name, buildId, depends, file, sha256, reason };
}

/** Index of the loaded payload with the same build-id, or -1. */
export function findLoaded(snapshot: Snapshot, payload: PlanPayload): number {
  if (payload.buildId === null) return -1;
  return snapshot.payloads.findIndex((loaded) => loaded.buildId === payload.buildId);
}

/**
 * Fails with `name-taken` if Xen would refuse one of these uploads for its name (livepatch_upload,
 * common/livepatch.c): a loaded payload has it, or two of the files have the same.
 */
export function refuseTakenNames(
  loaded: readonly LoadedPayload[],
  uploads: readonly PlanPayload[],
): void {
  const holders = new Map<string, { readonly text: string; readonly hint: string }>();
  for (const payload of loaded) {
    const id = payload.buildId ?? 'not known';
    const remedy = payload.state === 'APPLIED' ? 'revert and unload' : 'unload';
    holders.set(payload.name, {
      text: `a loaded payload (state ${payload.state}, build-id ${id})`,
      hint: `Rename the file, or ${remedy} ${nameText(payload.name)} first.`,
    });
  }
  const findings: Finding[] = [];
  for (const payload of uploads) {
    const holder = holders.get(payload.name);
    if (holder === undefined) {
      holders.set(payload.name, { text: payload.file, hint: 'Rename one of the two files.' });
      continue;
    }
    findings.push(
      finding('name-taken', {
        file: payload.file,
        message: `${payload.file} (build-id ${payload.buildId ?? 'not known'}) would be uploaded as ${nameText(payload.name)}, but that is the name of ${holder.text}`,
        hint: holder.hint,
      }),
    );
  }
  const [first] = findings;
  if (first === undefined) return;
  throw new XspliceError('name-taken', first.message, {
    findings,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

/**
 * Fails with `wrong-hypervisor` if Xen would refuse one of these uploads for the hypervisor it was
 * built for (xen_build_id_dep, since 4.14), which no flag can skip. Passes where the hypervisor's id
 * is not known or a file names none.
 */
export function checkHypervisor(snapshot: Snapshot, payloads: readonly PlanPayload[]): void {
  const id = snapshot.hypervisor.buildId;
  if (id === null || payloads.length === 0) return;
  const findings = checkChain(payloads, id).findings.filter((f) => f.code === 'wrong-hypervisor');
  const [first] = findings;
  if (first === undefined) return;
  throw new XspliceError('wrong-hypervisor', first.message, {
    findings,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

function whyAnew(
  payload: PlanPayload,
  loaded: LoadedPayload,
  hasNewerBelow: boolean,
): string | null {
  if (loaded.reverted !== false && !payload.safeToReapply) {
    return loaded.reverted === true
      ? 'was reverted and has data of its own: Xen applies it again only after a new upload'
      : 'may have been reverted and has data of its own: only a new upload is sure to be applied';
  }
  if (hasNewerBelow) {
    return 'was linked before what is below it was uploaded: its links may point to a copy that is gone';
  }
  return null;
}
