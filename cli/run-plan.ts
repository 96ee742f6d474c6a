import {
  checkTakeBack,
  divergencesOf,
  type ExecutionReport,
  executePlan,
  hazardsOfPlan,
  preflightPlan,
  refusalOf,
  refusalUnverified,
} from '../core/change/index.js';
import { EXIT, type Finding, type XspliceError } from '../core/findings/index.js';
import { type OpenHost, openHost } from '../core/host/index.js';
import type { Snapshot } from '../core/hypervisor/index.js';
import { GuardRefusal, type GuardReport } from '../core/oldcode/index.js';
import { contentsOf, type InputFile, readInputs } from '../core/payload/index.js';
import { changesSomething, type Plan } from '../core/stack/index.js';
import { explained, explainedError } from '../core/verify/explain/index.js';
import { findPayload } from '../core/verify/index.js';
import { hostOf } from './host.js';
import { openImage } from './images.js';
import { failureOf } from './outcome.js';
import type { Session } from './session.js';
import { confirm } from './terminal/confirm.js';
import type { Output } from './terminal/output.js';
import { Progress } from './terminal/progress.js';
import { exitCodeOf } from './terminal/signals.js';
import { renderExecution } from './views/execution.js';
import { failureFields, renderFailure } from './views/failure.js';
import { guardFields, renderGuard } from './views/old-code.js';
import { renderHost, renderPlan, type Verification } from './views/plan.js';
import { executionFields, planFields } from './views/plan-document.js';

/** What a verb makes of the host it finds. */
export interface Planned {
  readonly plan: Plan;
  /** The files whose bytes it may upload. */
  readonly inputs: readonly InputFile[];
  /** What the reader found in them. */
  readonly findings: readonly Finding[];
  /** Null where no code was compared. */
  readonly guard: GuardReport | null;
}

/** Plans from what is there. Fails with a GuardRefusal where code that was compared differs. */
export type Planner = (snapshot: Snapshot, host: OpenHost) => Promise<Planned>;

/** Tries of a step that finds the host busy, some two seconds in all. */
const RETRIES = 12;

/**
 * The way of every verb that changes something: observe, plan, verify on a copy, show, confirm,
 * execute. With `dryRun` it ends before it would ask.
 */
export async function runPlanner(
  session: Session,
  dryRun: boolean,
  planner: Planner,
): Promise<number> {
  const { settings, output, streams } = session;
  const explain = (found: readonly Finding[]) => (settings.explain ? explained(found) : found);
  const image = settings.image === null ? null : openImage(settings.image);
  const host = await openHost(await hostOf(settings, streams), image);
  try {
    const snapshot = await host.port.observe();
    const made = await planner(snapshot, host).catch((error: unknown) => {
      if (error instanceof GuardRefusal) return error;
      throw error;
    });
    if (made instanceof GuardRefusal) return refuse(session, snapshot, host, made);
    const { plan, inputs, findings: readerFindings, guard } = made;
    const contents = contentsOf(inputs);
    const verification = changesSomething(plan) ? await verify(host, snapshot, plan, inputs) : null;
    const { style, verbose } = output;
    output.info(renderHost(plan.host.spec, snapshot, style, verbose));
    output.info(renderPlan(plan, verification, style, verbose));
    if (guard !== null && verbose) output.info(renderGuard(guard, style, verbose));
    const notes = guard?.payloads.flatMap((payload) => payload.findings) ?? [];
    const findings = explain([...plan.findings, ...notes, ...hazardsIn(verification)]);
    output.findings(findings);

    const fields = { ...planFields(plan, snapshot, verification), guard: guardFields(guard) };
    const refusal = verification === null ? null : refusalBy(verification, readerFindings);
    if (refusal !== null) {
      const reason = settings.explain ? explainedError(refusal) : refusal;
      return fail(output, { ...fields, executed: false }, reason, findings);
    }
    if (verification === null) output.info('There is nothing to do.');
    if (verification === null || dryRun) {
      if (verification !== null) output.info('Dry run: nothing was changed.');
      output.document({ ok: true, ...fields, findings, executed: false });
      return EXIT.done;
    }
    await confirm(session, 'Do this?');
    const start = performance.now();
    const { report, stoppedBy } = await streams.whileHeard(async (signal) => ({
      report: await execute(session, host, plan, contents, signal),
      stoppedBy: exitCodeOf(signal),
    }));
    const elapsedMs = performance.now() - start;
    output.info(renderExecution(report, elapsedMs, style, verbose));
    const divergences = divergencesOf(verification, report);
    output.findings(divergences);
    const failure = failureOf(report);
    const all = { ...fields, executed: true, execution: executionFields(report, elapsedMs) };
    const told = [...findings, ...explain(divergences)];
    if (failure !== null) {
      const exitCode = fail(output, all, failure, told);
      return failure.code === 'interrupted' && report.outcome === 'taken-back'
        ? (stoppedBy ?? exitCode)
        : exitCode;
    }
    output.document({ ok: true, ...all, findings: told });
    return EXIT.done;
  } finally {
    await host.port.close();
  }
}

/** The guard does not let it be planned: what it compared is shown, and with --verbose the code. */
function refuse(
  { settings, output }: Session,
  snapshot: Snapshot,
  { port }: OpenHost,
  refusal: GuardRefusal,
): number {
  const { style, verbose } = output;
  const { report } = refusal;
  output.info(renderHost(port.host.spec, snapshot, style, verbose));
  output.info(renderGuard(report, style, verbose));
  const { buildId, version } = snapshot.hypervisor;
  const fields = { host: port.host.spec, hypervisor: { buildId, version } };
  const reason = settings.explain ? explainedError(refusal) : refusal;
  return fail(output, { ...fields, guard: guardFields(report), executed: false }, reason, []);
}

/** Ends a command with an error; under --json its document has what is known of the plan as well. */
function fail(
  output: Output,
  fields: Readonly<Record<string, unknown>>,
  error: XspliceError,
  findings: readonly Finding[],
): number {
  output.document({ ok: false, ...fields, ...failureFields(error, findings) });
  output.notes.line(renderFailure(error, output.notes.style));
  return error.exitCode;
}

function hazardsIn(verification: Verification | null): readonly Finding[] {
  return verification !== null && 'hazards' in verification ? verification.hazards : [];
}

function refusalBy(verification: Verification, findings: readonly Finding[]): XspliceError | null {
  return 'predictions' in verification ? refusalOf(verification) : refusalUnverified(findings);
}

async function verify(
  host: OpenHost,
  snapshot: Snapshot,
  plan: Plan,
  inputs: readonly InputFile[],
): Promise<Verification> {
  const copy = await host.preflightModel(snapshot, inputs);
  if (copy.model === null) return { notVerified: copy.why };
  const { model, version, symbols, unknown } = copy;
  const preflight = await preflightPlan(plan, contentsOf(inputs), model, version);
  const hazards = [
    ...hazardsOfPlan(plan, readInputs(inputs).payloads, model, symbols),
    ...checkTakeBack(plan, (name) => findPayload(model, name)?.safeToReapply ?? null),
  ];
  return { ...preflight, unknown, hazards };
}

/** Executes; an interrupt is heard between two steps, and what was done is then taken back. */
async function execute(
  { settings, output }: Session,
  host: OpenHost,
  plan: Plan,
  contents: ReadonlyMap<string, Uint8Array>,
  signal: AbortSignal,
): Promise<ExecutionReport> {
  const progress = new Progress(output.notes, output.quiet || output.json);
  try {
    return await executePlan(host.port, plan, contents, {
      timeoutNs: Math.round((settings.timeoutMs ?? 0) * 1_000_000),
      keepGoing: settings.keepGoing,
      retries: RETRIES,
      onProgress: progress.report,
      signal,
    });
  } finally {
    progress.end();
  }
}
