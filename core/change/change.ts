import { nameText } from '../abi/payload-name.js';
import { type Finding, XspliceError } from '../findings/index.js';
import type { OpenHost, PreflightModel } from '../host/index.js';
import type { HostDescription, Snapshot } from '../hypervisor/index.js';
import { GuardRefusal, type GuardReport } from '../oldcode/index.js';
import { contentsOf } from '../payload/index.js';
import { changesSomething, type Plan } from '../stack/index.js';
import { type Acceptance, acceptDangers, refusalOfDangers } from './accept.js';
import { type PolicyTerms, policyFindings, refusalByPolicy } from './by-policy.js';
import { divergencesOf } from './divergence.js';
import { executePlan } from './execute.js';
import type { ExecutionReport } from './execution.js';
import type { ExecutionOptions } from './execution-options.js';
import { type ExpectedPlan, requireSameHypervisor, requireSameSteps } from './expected.js';
import { withHooksFirst } from './hooks-first.js';
import { failureOf } from './outcome.js';
import { planRequest } from './plan-request.js';
import { refusalOf, refusalUnverified } from './preflight.js';
import { filesOfUnloads, withFiles } from './recalled-files.js';
import { type ChangeRequest, payloadsOf } from './request.js';
import { type Verification, verifyPlan } from './verify-plan.js';
import type { Witness } from './witness.js';

/** Tries of a step that finds the host busy: some ten seconds in all. */
const RETRIES = 12;

/** How a change is made. */
export interface ChangeOptions {
  /**
   * Asked once the plan is verified and accepted: true goes on. Without it nothing is changed, as with
   * `dryRun`. What it throws is thrown.
   */
  readonly confirm?: (proposal: ChangeProposal) => Promise<boolean>;
  /** Dangers that are let pass: see {@link parseAcceptance}. */
  readonly accept?: readonly Acceptance[];
  /** The rules of the host: what keeps none of them is refused. Default: none. */
  readonly policy?: PolicyTerms;
  /** The plan has to be this one, or the change fails with `stale-plan`: nothing happened then. */
  readonly expected?: ExpectedPlan;
  /** Plan and verify only. */
  readonly dryRun?: boolean;
  /** Leave what was done when a step fails. */
  readonly keepGoing?: boolean;
  /** Time for all CPUs to meet in one action, in nanoseconds; 0, the default, is Xen's own (30 ms). */
  readonly timeoutNs?: number;
  readonly onProgress?: ExecutionOptions['onProgress'];
  /** Stops between two steps; what was done is taken back then. */
  readonly signal?: AbortSignal;
  /** Remembers what is done; its dangers count as those of the plan. */
  readonly witness?: Witness;
}

/** What is going to be done, and what is known about it beforehand. */
export interface ChangeProposal {
  readonly host: HostDescription;
  /** As it was observed before. */
  readonly snapshot: Snapshot;
  /** Null where a guard that compares code does not let it be planned. */
  readonly plan: Plan | null;
  /** Null where there is nothing to do, or no plan. */
  readonly verification: Verification | null;
  /** Null where no code was compared. */
  readonly guard: GuardReport | null;
  /** Of plan, guard and hazards; those that were let pass are warnings. */
  readonly findings: readonly Finding[];
  /** The dangers among them that were let pass. */
  readonly accepted: readonly Finding[];
}

/** What was wanted, planned, foreseen and done. */
export interface ChangeReport extends ChangeProposal {
  /** Null where nothing was executed. */
  readonly execution: ExecutionReport | null;
  /** Of the execution; null where nothing was executed. */
  readonly elapsedMs: number | null;
  /** Where the hypervisor answered other than it was predicted to. */
  readonly divergences: readonly Finding[];
  /** Why it is no success: refused before, not confirmed, or failed. Null where it is one, a dry run included. */
  readonly failure: XspliceError | null;
}

/**
 * The way of everything that changes a hypervisor: observe, plan, verify on a copy, ask, execute, take back what
 * failed, observe again.
 *
 * Fails where the hypervisor cannot be asked, or what is wanted cannot be planned: nothing happened then. Once
 * there is a plan, everything is in the report.
 */
export async function change(
  host: OpenHost,
  request: ChangeRequest,
  options: ChangeOptions = {},
): Promise<ChangeReport> {
  const payloads = payloadsOf(request);
  const snapshot = await host.port.observe();
  const { accept = [], confirm, dryRun = false, expected, policy } = options;
  if (expected !== undefined) requireSameHypervisor(expected, snapshot);
  const copy = once(() => host.preflightModel(snapshot, payloads));
  const here = { host: host.port.host, snapshot };
  const planned = await planRequest(request, { ...here, copy }).catch((error: unknown) => {
    if (error instanceof GuardRefusal) return error;
    throw error;
  });
  if (planned instanceof GuardRefusal) {
    const { report: guard } = planned;
    const none = { plan: null, verification: null, findings: [], accepted: [] };
    return ended({ ...here, ...none, guard }, planned);
  }
  const { guard } = planned;
  if (expected !== undefined) requireSameSteps(expected, planned.plan);
  const isChange = changesSomething(planned.plan);
  const recalled = await filesOfUnloads(planned.plan, options);
  const plan = isChange
    ? withHooksFirst(withFiles(planned.plan, recalled), snapshot, payloads, await copy())
    : planned.plan;
  const verification = isChange ? await verifyPlan(plan, snapshot, payloads, await copy()) : null;
  const found = [
    ...(isChange ? notForetold(plan.findings, await copy()) : plan.findings),
    ...(guard?.payloads.flatMap((payload) => payload.findings) ?? []),
    ...hazardsIn(verification),
    ...(isChange ? ((await options.witness?.foresee(plan)) ?? []) : []),
  ];
  const judged = acceptDangers(found, accept);
  const against =
    policy === undefined ? [] : policyFindings(policy, plan, payloads, judged.accepted);
  const findings = [...judged.findings, ...against];
  const proposal: ChangeProposal = { ...here, plan, verification, guard, ...judged, findings };
  if (verification === null) return ended(proposal, null);
  const refusal =
    refusalByPolicy(against) ??
    ('predictions' in verification
      ? refusalOf(verification)
      : refusalUnverified(payloads.flatMap(({ payload }) => payload.findings))) ??
    refusalOfDangers(judged.findings);
  if (refusal !== null || dryRun || confirm === undefined) return ended(proposal, refusal);
  if (!(await confirm(proposal))) {
    const declined = 'Nothing was changed: the answer was not yes';
    return ended(proposal, new XspliceError('declined', declined));
  }
  const contents = contentsOf([...payloads, ...recalled].map(({ input }) => input));
  const start = performance.now();
  const execution = await executePlan(host.port, plan, contents, {
    ...executionOptions(options),
    about: { payloads, accepted: judged.accepted },
  });
  const elapsedMs = performance.now() - start;
  const divergences = divergencesOf(verification, execution);
  return { ...proposal, execution, elapsedMs, divergences, failure: failureOf(execution) };
}

function ended(proposal: ChangeProposal, failure: XspliceError | null): ChangeReport {
  return { ...proposal, execution: null, elapsedMs: null, divergences: [], failure };
}

function executionOptions(options: ChangeOptions): ExecutionOptions {
  const { timeoutNs = 0, keepGoing = false, onProgress, signal, witness } = options;
  return {
    ...{ timeoutNs, keepGoing, retries: RETRIES },
    ...(witness === undefined ? {} : { witness }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  };
}

function hazardsIn(verification: Verification | null): readonly Finding[] {
  return verification?.hazards ?? [];
}

/** What a plan says without the contents of payloads, less what is foretold where these are known. */
function notForetold(findings: readonly Finding[], copy: PreflightModel): readonly Finding[] {
  if (copy.model === null) return findings;
  const opaque = new Set(copy.opaque.map(nameText));
  return findings.filter(
    ({ code, payload = '' }) => code !== 'reverted-before' || opaque.has(payload),
  );
}

/** The copy is asked for by guard, verification and plan: it is made once, images are read once. */
function once(make: () => Promise<PreflightModel>): () => Promise<PreflightModel> {
  let made: Promise<PreflightModel> | null = null;
  return () => {
    made ??= make();
    return made;
  };
}
