import type { PreflightModel } from '../host/index.js';
import type { HostDescription, Snapshot } from '../hypervisor/index.js';
import {
  admit,
  admitReplacement,
  type CodeGuard,
  type GuardReport,
  type GuardSetting,
  planRevertIndependent,
} from '../oldcode/index.js';
import type { PayloadInput } from '../payload/index.js';
import {
  type Guard,
  type Plan,
  type PlanOptions,
  planApply,
  planApplyUploaded,
  planLoad,
  planReplace,
  planRevert,
  planUnload,
  planUpload,
} from '../stack/index.js';
import { requireKnownCode, settingOf } from './known-code.js';
import type { ChangeRequest } from './request.js';

/** A host as it was observed, and a copy of it to try things on, which is made once and only if asked for. */
export interface ObservedHost {
  readonly host: HostDescription;
  readonly snapshot: Snapshot;
  readonly copy: () => Promise<PreflightModel>;
}

/** A plan, and what a guard that compares code said about it; null where none was asked. */
export interface PlannedRequest {
  readonly plan: Plan;
  readonly guard: GuardReport | null;
}

/**
 * Plans what is wanted from what is there. Fails as the planners of core/stack do, with a GuardRefusal where
 * code that was compared differs, and as {@link requireKnownCode} where it is not known which code runs.
 */
export async function planRequest(
  request: ChangeRequest,
  observed: ObservedHost,
): Promise<PlannedRequest> {
  const { host, snapshot } = observed;
  switch (request.verb) {
    case 'apply':
      return planFiles(request, request.payloads, observed, planApply);
    case 'load': {
      const { planned } = request.payload;
      return planFiles(request, [request.payload], observed, (now, _, options) =>
        planLoad(now, planned, options),
      );
    }
    case 'apply-loaded': {
      const guard: Guard = request.nodeps ? 'nodeps' : 'build-id';
      return unguarded(planApplyUploaded(snapshot, request.name, { host, guard }));
    }
    case 'upload':
      return unguarded(planUpload(snapshot, plannedOf(request.payloads), { host }));
    case 'revert':
      return unguarded(planRevert(snapshot, { to: request.to }, { host }));
    case 'revert-one': {
      const options: PlanOptions = { host, guard: request.check };
      const setting = await knownSetting(observed);
      return unguarded(planRevertIndependent(snapshot, request.name, options, setting));
    }
    case 'replace': {
      const { payload, check } = request;
      if (check === 'build-id') return unguarded(planReplace(snapshot, payload.planned, { host }));
      const plan = planReplace(snapshot, payload.planned, { host, guard: check });
      // All that is applied is reverted first: it need not be known what it replaced.
      const setting = await settingOf(await observed.copy());
      return { plan, guard: admitReplacement(check, setting, payload) };
    }
    case 'unload':
      return unguarded(planUnload(snapshot, request.names, { host }));
  }
}

/** Plans that files are applied. Where code is compared, it is compared on a copy first. */
async function planFiles(
  { check, nodeps }: { readonly check: 'build-id' | CodeGuard; readonly nodeps: boolean },
  payloads: readonly PayloadInput[],
  observed: ObservedHost,
  plan: typeof planApply,
): Promise<PlannedRequest> {
  const { host, snapshot } = observed;
  if (check === 'build-id') {
    const guard: Guard = nodeps ? 'nodeps' : 'build-id';
    return unguarded(plan(snapshot, plannedOf(payloads), { host, guard }));
  }
  const options: PlanOptions = { host, guard: check };
  // What is wrong with the chain is said by its own plan, and says more than the guard would.
  if (check === 'both') plan(snapshot, plannedOf(payloads), options);
  const setting = await knownSetting(observed);
  const { order, admitted, report } = admit(check, setting, snapshot, payloads);
  return { plan: plan(snapshot, plannedOf(order), { ...options, admitted }), guard: report };
}

async function knownSetting({ snapshot, copy }: ObservedHost): Promise<GuardSetting> {
  const known = await copy();
  const setting = await settingOf(known);
  requireKnownCode(setting, known, snapshot);
  return setting;
}

function unguarded(plan: Plan): PlannedRequest {
  return { plan, guard: null };
}

function plannedOf(payloads: readonly PayloadInput[]): readonly PayloadInput['planned'][] {
  return payloads.map(({ planned }) => planned);
}
