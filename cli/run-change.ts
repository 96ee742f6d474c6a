import {
  type Acceptance,
  type ChangeProposal,
  type ChangeReport,
  type ChangeRequest,
  change,
  type ProgressEvent,
  parseAcceptance,
} from '../core/change/index.js';
import { EXIT, explainedError, type Finding } from '../core/findings/index.js';
import type { HostSpec } from '../core/host/index.js';
import { changesSomething } from '../core/stack/index.js';
import { HostWitness, type Unconfirmed, UntilConfirmed } from '../core/store/index.js';
import { withExplanations } from './explanations.js';
import { writeReport } from './files.js';
import { MeantHost } from './meant-host.js';
import { policyTerms, withHostPolicy } from './policy.js';
import type { SavedPlan } from './saved-plan.js';
import type { Session } from './session.js';
import { confirmSeconds, timeoutNs } from './settings.js';
import { logChange } from './syslog.js';
import { confirm } from './terminal/confirm.js';
import { escapeName, escapeText } from './terminal/escape.js';
import { Progress } from './terminal/progress.js';
import { exitCodeOf } from './terminal/signals.js';
import { packageVersion } from './tool.js';
import { waitingChange } from './unconfirmed.js';
import { usage } from './usage.js';
import { renderExecution } from './views/execution.js';
import { failureFields, renderFailure } from './views/failure.js';
import { guardFields, renderGuard } from './views/old-code.js';
import { renderHost, renderPlan } from './views/plan.js';
import { acceptedFields, executionFields, planFields } from './views/plan-document.js';
import { waitingFinding } from './views/unconfirmed.js';
import { wayBackOf } from './way-back.js';
import { verbTyped, whoRunsThis } from './who.js';

/** What is to be done. */
export interface WantedChange {
  readonly request: (host: MeantHost) => Promise<ChangeRequest>;
  /** Plan and verify only. */
  readonly dryRun: boolean;
  /** The host, where the caller has it open: it closes it then. */
  readonly meant?: MeantHost;
  /** The saved plan that it comes from: the host, the plan and the dangers have to be those. */
  readonly saved?: SavedPlan;
  /** The entry of the journal that it takes back. */
  readonly undoes?: number;
  /** Findings that are known beforehand, and are shown with those of the plan. */
  readonly foretold?: readonly Finding[];
}

/**
 * Every verb that changes something: shows what is going to be done, asks, shows what became of it. With
 * `dryRun` it ends before it would ask.
 */
export async function runChange(session: Session, wanted: WantedChange): Promise<number> {
  const { settings, output, streams } = session;
  const { dryRun, saved } = wanted;
  const waitNs = timeoutNs(settings);
  const confirmS = confirmSeconds(settings, saved?.request.verb);
  const ownPolicy = await policyTerms(settings);
  const meant = wanted.meant ?? new MeantHost(session);
  // Signals arrive between two steps, and what was done is then taken back.
  const stop = new AbortController();
  let endSignals = () => {};
  let progress: Progress | null = null;
  let isShown = false;
  const show = (proposal: ChangeProposal) => {
    if (!isShown) showProposal(session, proposal);
    isShown = true;
  };
  try {
    const request = await wanted.request(meant);
    const spec = await meant.spec();
    const { accept, ...expected } =
      saved === undefined
        ? { accept: settings.accept.map(parseAcceptance) }
        : (await import('./saved-plan.js')).conditionsOf(saved, spec);
    const host = await meant.open();
    const policy = await withHostPolicy(ownPolicy, host);
    const foretold = [...(wanted.foretold ?? []), ...(await stillWaiting(session, meant, request))];
    const inner = await witnessOf(session, meant, accept, { ...wanted, foretold });
    const witness =
      confirmS === null ? inner : await untilConfirmed(session, meant, inner, confirmS);
    const report = await change(host, request, {
      accept,
      policy,
      ...expected,
      dryRun,
      keepGoing: settings.keepGoing,
      timeoutNs: waitNs,
      confirm: async (proposal) => {
        show(proposal);
        await confirm(session, 'Do this?');
        endSignals = streams.onSignal((name) => stop.abort(name));
        progress = new Progress(output.notes, output.quiet || !output.isForPeople);
        return true;
      },
      witness,
      onProgress: (event) => {
        if (event.kind !== 'end') progress?.say(stepText(event));
      },
      signal: stop.signal,
    });
    endProgress(progress);
    logChange(session, spec, inner.entry, report);
    show(report);
    await savePlan(session, request, spec, report);
    const waiting = witness instanceof UntilConfirmed ? witness.waiting : null;
    const exitCode = showReport(session, dryRun, report, waiting);
    const isStoppedInOrder =
      report.failure?.code === 'interrupted' && report.execution?.outcome === 'taken-back';
    return (isStoppedInOrder ? exitCodeOf(stop.signal) : null) ?? exitCode;
  } finally {
    endProgress(progress);
    endSignals();
    if (wanted.meant === undefined) await meant.close();
  }
}

/** Writes the file that `plan --output` names, where the plan can be carried out. */
async function savePlan(
  { ownFile, output }: Session,
  request: ChangeRequest,
  spec: HostSpec,
  report: ChangeReport,
): Promise<void> {
  const { plan, failure } = report;
  if (ownFile === null || plan === null || failure !== null || request.verb === 'return') return;
  const { savedPlanText } = await import('./saved-plan.js');
  await writeReport(ownFile, `${savedPlanText({ ...report, plan }, request, spec, ownFile)}\n`);
  output.info(escapeText(`Saved ${ownFile}: xsplice-ts apply --plan ${ownFile} carries it out.`));
}

/** What is being done. */
function stepText({ kind, step, index, total, attempt }: ProgressEvent): string {
  const what = kind === 'undo' ? `taking back: ${step.action}` : step.action;
  const again = kind === 'retry' ? `, busy, try ${(attempt ?? 0) + 1}` : '';
  return `${index + 1}/${total} ${what} ${escapeName(step.name)}${again}`;
}

function endProgress(progress: Progress | null): void {
  progress?.end();
}

/** The plan, or what a guard found that does not let it be made, and all findings. */
function showProposal({ settings, output }: Session, proposal: ChangeProposal): void {
  const { style, verbose } = output;
  const { host, snapshot, plan, verification, guard, accepted } = proposal;
  const about = renderHost(host.spec, snapshot, style, verbose);
  output.info(about);
  if (plan !== null) output.info(renderPlan(plan, verification, accepted, style, verbose));
  if (guard !== null && (verbose || plan === null)) {
    output.info(renderGuard(guard, style, verbose));
  }
  output.findings(withExplanations(settings, proposal.findings), about);
}

/** What became of it; returns the exit code. */
function showReport(
  { settings, output, ownFile }: Session,
  dryRun: boolean,
  report: ChangeReport,
  waiting: Unconfirmed | null,
): number {
  const { style, verbose } = output;
  const { plan, verification, execution, elapsedMs, divergences } = report;
  const diverged = withExplanations(settings, [...divergences, ...(execution?.forgotten ?? [])]);
  const findings = [...withExplanations(settings, report.findings), ...diverged];
  const fields = {
    ...documentFields(report),
    executed: execution !== null,
    ...(execution === null ? {} : { execution: executionFields(execution, elapsedMs ?? 0) }),
    ...(waiting === null ? {} : { confirm: { entry: waiting.entry, seconds: waiting.seconds } }),
  };
  if (execution !== null) {
    output.info(renderExecution(execution, elapsedMs ?? 0, style, verbose));
    output.findings(diverged, renderHost(report.host.spec, report.snapshot, style, verbose));
  }
  if (waiting !== null) {
    const { entry, seconds } = waiting;
    const text = `Change ${entry} is taken back in ${seconds} s: xsplice-ts confirm keeps it.`;
    output.info(style.warn(text));
  }
  if (report.failure !== null) {
    const failure = settings.explain ? explainedError(report.failure) : report.failure;
    output.document({ ok: false, ...fields, ...failureFields(failure, findings) });
    output.notes.line(renderFailure(failure, output.notes.style, report.host.spec));
    return failure.exitCode;
  }
  if (plan !== null && verification === null) output.info('There is nothing to do.');
  else if (dryRun) output.info('Dry run: nothing was changed.');
  const saved = ownFile === null ? {} : { savedPlan: ownFile };
  output.document({ ok: true, ...fields, ...saved, findings });
  const isChange = plan !== null && changesSomething(plan);
  return settings.exitCode && isChange ? EXIT.differs : EXIT.done;
}

function documentFields({ host, snapshot, plan, verification, guard, accepted }: ChangeReport) {
  const { buildId, version } = snapshot.hypervisor;
  const about =
    plan === null
      ? { host: host.spec, hypervisor: { buildId, version } }
      : planFields(plan, snapshot, verification);
  return { ...about, guard: guardFields(guard), accepted: accepted.map(acceptedFields) };
}

/** What the change would keep from being taken back; empty where it is the way back itself. */
async function stillWaiting(
  session: Session,
  meant: MeantHost,
  { verb }: ChangeRequest,
): Promise<readonly Finding[]> {
  if (verb === 'return') return [];
  // A store that cannot be read is said by the witness.
  const waiting = await waitingChange(session, meant, async () => ({
    entries: (await (await meant.journal()).read()).entries,
    present: await meant.present(),
  })).catch(() => null);
  return waiting === null || waiting.state === 'overtaken' ? [] : [waitingFinding(waiting)];
}

/** Fails with `usage` where nobody can wait on the machine of the host. */
async function untilConfirmed(
  session: Session,
  meant: MeantHost,
  inner: HostWitness,
  seconds: number,
): Promise<UntilConfirmed> {
  const host = await meant.open();
  const { arm } = await wayBackOf(session, meant);
  if (arm === null) {
    throw usage(
      '--confirm needs the store of the host itself: the agent there waits, and looks into it',
      'Leave out --store and XSPLICE_STORE.',
    );
  }
  return new UntilConfirmed(inner, {
    ...{ folder: await meant.folder(), journal: await meant.journal(), arm, seconds },
    ...{ bootId: await host.bootId(), clock: () => host.clock() },
  });
}

/** Keeps what is needed to undo it, and to bring it back after a boot. */
export async function witnessOf(
  { command, settings, streams }: Session,
  meant: MeantHost,
  accept: readonly Acceptance[],
  {
    undoes = null,
    foretold = [],
  }: { readonly undoes?: number | null; readonly foretold?: readonly Finding[] },
): Promise<HostWitness> {
  const host = await meant.open();
  const [bootId, tookBack] = await Promise.all([host.bootId(), host.tookBack()]);
  return new HostWitness({
    journal: await meant.journal(),
    store: settings.noStore ? null : await meant.store(),
    about: {
      host: host.port.host.spec,
      bootId,
      verb: verbTyped({ command }),
      tool: packageVersion(),
      who: whoRunsThis(streams),
      undoes,
    },
    foretold: [...foretold, ...(tookBack === null ? [] : [tookBack.finding])],
    tookBackSince: tookBack?.since ?? null,
    mayForget: accept.some(({ code }) => code === 'journal-not-writable'),
  });
}
