import { errorFrom, XspliceError } from '../findings/index.js';
import { fingerprintOf, type HypervisorPort, type Snapshot } from '../hypervisor/index.js';
import type { Plan, Step } from '../stack/index.js';
import { isAsItWas, lostPayloads } from './aftermath.js';
import type { ExecutionReport, StepReport } from './execution.js';
import type { ExecutionOptions } from './execution-options.js';
import { runStep, type StepContext } from './run-step.js';
import { takeBack } from './take-back.js';

/** What a witness is told where the caller says no more. */
const NOTHING = { payloads: [], accepted: [] } as const;

/**
 * Carries out a plan: the only place from which a hypervisor is changed. Payload contents are the
 * very bytes that were checked, by their digest. No other run of this program changes the hypervisor meanwhile.
 *
 * Fails with `stale-plan` when the host is no longer what the plan was made from, with `state-locked` when another
 * run changes it, and as the port does when it cannot be observed: nothing happened then. From the first step on
 * nothing is thrown: a refusal, an error of the port and an error of observing are all in the report.
 */
export function executePlan(
  port: HypervisorPort,
  plan: Plan,
  contents: ReadonlyMap<string, Uint8Array>,
  options: ExecutionOptions,
): Promise<ExecutionReport> {
  return port.exclusive(() => executeAlone(port, plan, contents, options));
}

async function executeAlone(
  port: HypervisorPort,
  plan: Plan,
  contents: ReadonlyMap<string, Uint8Array>,
  options: ExecutionOptions,
): Promise<ExecutionReport> {
  const { lastWill } = port;
  const [before, isLeft] = await Promise.all([
    port.observe(),
    mayBeLeft(plan, options) && lastWill?.begin(plan.command),
  ]);
  if (fingerprintOf(before) !== plan.fingerprint) {
    throw new XspliceError(
      'stale-plan',
      'The hypervisor is no longer as it was when the plan was made: payloads were loaded, unloaded, applied or reverted in between',
    );
  }
  const { witness, about = NOTHING } = options;
  await witness?.begin({ plan, before, ...about });
  const context: StepContext = { port, contents, options, total: plan.steps.length };
  const steps = await runSteps(context, plan.steps);
  const unfinished = steps.some(({ status }) => status !== 'done' && status !== 'none');
  const goesBack = unfinished && !options.keepGoing;
  const { undone, complete } = goesBack
    ? await takeBack(context, before, steps)
    : { undone: [], complete: true };
  const [dropError, seen] = await Promise.all([
    isLeft === true && lastWill ? errorOf(lastWill.drop()) : undefined,
    observed(port),
  ]);
  lastWill?.forget();
  // Where nobody heard that the will is dropped, what is seen may be taken back yet.
  const isUnheard = dropError !== undefined;
  const { after, afterError } = isUnheard ? { after: null, afterError: dropError } : seen;
  const asItWas = after !== null && isAsItWas(before, after);
  const lost =
    after !== null && unfinished ? lostPayloads(before, after, goesBack ? [] : steps) : [];
  const report = {
    ...{ outcome: outcomeOf(), asItWas, lost, interrupted: options.signal?.aborted === true },
    ...{ steps, undone, after },
    ...(afterError === undefined ? {} : { afterError }),
    ...(isUnheard ? { isLeftToHost: true as const } : {}),
  };
  return { ...report, forgotten: (await witness?.end(report)) ?? [] };

  function outcomeOf(): ExecutionReport['outcome'] {
    if (isUnheard) return 'unknown';
    // An error after the last step is no failure of the steps.
    if (!unfinished) return 'done';
    if (after === null) return 'unknown';
    if (lost.length > 0) return 'lost';
    if (!goesBack) return 'partial';
    return complete || asItWas ? 'taken-back' : 'stuck';
  }
}

async function runSteps(
  context: StepContext,
  planned: readonly Step[],
): Promise<readonly StepReport[]> {
  const { signal, keepGoing } = context.options;
  const steps: StepReport[] = [];
  const failed = new Set<string>();
  for (const [index, step] of planned.entries()) {
    // Signals arrive between two turns of the event loop, of which a quick hypervisor needs none.
    if (signal) await new Promise((resolve) => setImmediate(resolve));
    const isPointless = dependsOn(step, failed) || signal?.aborted === true;
    const report = isPointless ? skipped(step) : await runStep(context, step, index);
    steps.push(report);
    if (report.status === 'done' || report.status === 'none') continue;
    failed.add(step.name);
    if (step.buildId !== null) failed.add(step.buildId);
    if (keepGoing) continue;
    return [...steps, ...planned.slice(index + 1).map(skipped)];
  }
  return steps;
}

function skipped(step: Step): StepReport {
  return { step, status: step.action === 'none' ? 'none' : 'skipped', result: null, attempts: 0 };
}

function dependsOn(step: Step, failed: ReadonlySet<string>): boolean {
  return failed.has(step.name) || (step.depends !== null && failed.has(step.depends));
}

/**
 * True where the host may be left with what is to be taken back: nothing but uploads and applies. What was there before,
 * and was reverted or unloaded, only this program can bring back.
 */
function mayBeLeft({ steps }: Plan, { keepGoing }: ExecutionOptions): boolean {
  const actions = steps.map(({ action }) => action).filter((action) => action !== 'none');
  return !keepGoing && actions.every((action) => action === 'upload' || action === 'apply');
}

async function errorOf(doing: Promise<void>): Promise<XspliceError | undefined> {
  try {
    await doing;
    return undefined;
  } catch (error) {
    return errorFrom(error);
  }
}

/** What is there now, or why that cannot be told. */
async function observed(
  port: HypervisorPort,
): Promise<{ readonly after: Snapshot | null; readonly afterError?: XspliceError }> {
  try {
    return { after: await port.observe() };
  } catch (error) {
    return { after: null, afterError: errorFrom(error) };
  }
}
