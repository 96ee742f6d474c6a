import { XspliceError } from '../findings/index.js';
import type { PreflightModel } from '../host/index.js';
import type { HostDescription, Snapshot } from '../hypervisor/index.js';
import {
  admit,
  admitReplacement,
  type CodeContext,
  type GuardReport,
  planRevertIndependent,
} from '../oldcode/index.js';
import type { PayloadInput } from '../payload/index.js';
import {
  type Guard,
  type Plan,
  type PlanOptions,
  planApply,
  planApplyLoaded,
  planLoad,
  planReplace,
  planReturn,
  planRevert,
  planUnload,
  planUpload,
} from '../stack/index.js';
import { codeContextOf, requireKnownCode } from './known-code.js';
import type { ChangeRequest, Check } from './request.js';

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
      if (request.mode === 'alternatives') {
        const payload = onlyAlternative(request.payloads);
        const { check = 'build-id' } = request;
        return planRequest({ verb: 'replace', payload, check }, observed);
      }
      return planFiles(request, request.payloads, observed, planApply);
    case 'load': {
      const { planned } = request.payload;
      return planFiles(request, [request.payload], observed, (now, _, options) =>
        planLoad(now, planned, options),
      );
    }
    case 'apply-loaded': {
      const guard: Guard = request.nodeps ? 'nodeps' : 'build-id';
      return unguarded(planApplyLoaded(snapshot, request.names, { host, guard }));
    }
    case 'upload':
      return unguarded(planUpload(snapshot, plannedOf(request.payloads), { host }));
    case 'revert':
      return unguarded(planRevert(snapshot, { to: request.to }, { host }));
    case 'revert-one': {
      const options: PlanOptions = { host, guard: request.check };
      const context = await knownContext(observed);
      return unguarded(planRevertIndependent(snapshot, request.name, options, context));
    }
    case 'replace': {
      const { payload, check = 'build-id' } = request;
      if (check === 'build-id') return unguarded(planReplace(snapshot, payload.planned, { host }));
      const plan = planReplace(snapshot, payload.planned, { host, guard: check });
      // All that is applied is reverted first: it need not be known what it replaced.
      const context = await codeContextOf(await observed.copy());
      return { plan, guard: admitReplacement(check, context, payload) };
    }
    case 'unload':
      return unguarded(planUnload(snapshot, request.names, { host }));
    case 'return': {
      const { command, target, payloads } = request;
      return unguarded(planReturn(command, snapshot, target, plannedOf(payloads), { host }));
    }
  }
}

/** Plans that files are applied. Where code is compared, it is compared on a copy first. */
async function planFiles(
  { check = 'build-id', nodeps = false }: { readonly check?: Check; readonly nodeps?: boolean },
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
  const context = await knownContext(observed);
  const { order, terms, report } = admit(check, context, snapshot, payloads);
  return { plan: plan(snapshot, plannedOf(order), { ...options, terms }), guard: report };
}

/** Fails with `several-cumulative` where there is a choice to be made. */
function onlyAlternative(payloads: readonly PayloadInput[]): PayloadInput {
  const [only, ...others] = payloads;
  if (only === undefined)
    throw new XspliceError('no-payloads', 'No payload file was given or found');
  if (others.length === 0) return only;
  const files = payloads.map(({ planned }) => planned.file);
  throw new XspliceError(
    'several-cumulative',
    `${files.join(', ')} are alternatives: only one of them is to be used`,
  );
}

async function knownContext({ snapshot, copy }: ObservedHost): Promise<CodeContext> {
  const known = await copy();
  const context = await codeContextOf(known);
  requireKnownCode(context, known, snapshot);
  return context;
}

function unguarded(plan: Plan): PlannedRequest {
  return { plan, guard: null };
}

function plannedOf(payloads: readonly PayloadInput[]): readonly PayloadInput['planned'][] {
  return payloads.map(({ planned }) => planned);
}
