import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import type { Step } from '../stack/index.js';
import type { StepReport } from './execution.js';
import { runStep, type StepContext, tell } from './run-step.js';
import { alreadyUndone, isSame, undoStep } from './undo.js';

/** What taking back came to. */
export interface TakenBack {
  readonly undone: readonly StepReport[];
  /** True where everything that was to be taken back is. */
  readonly complete: boolean;
}

/**
 * Undoes what the steps did, last first, and stops at the first that cannot be undone. What a failed step
 * did all the same is undone too: a REPLACE that reverted everything and then failed, a revert whose hook
 * failed, a step whose answer was not heard. Observation decides, never the errno.
 */
export async function takeBack(
  context: StepContext,
  before: Snapshot,
  steps: readonly StepReport[],
): Promise<TakenBack> {
  const undone: StepReport[] = [];
  // The request to stop has been heard: what is taken back is taken back to the end.
  const { signal: _, ...options } = context.options;
  try {
    const effects = effectsOf(before, steps, await context.port.observe());
    const total = effects.length;
    for (const [index, step] of effects.reverse().entries()) {
      const now = await context.port.observe();
      const opposite = undoStep(step, now);
      if (!opposite) return { undone, complete: false };
      tell(options, { kind: 'undo', step: opposite, index, total });
      let report = foundUndone(opposite, now);
      if (report === null) {
        const attempt = await runStep(
          { ...context, options, total, isTakenBack: true },
          opposite,
          index,
        );
        // Another tool may have been quicker even now, or the answer was not heard.
        const late =
          attempt.status === 'done' ? null : foundUndone(opposite, await context.port.observe());
        report = late ?? attempt;
      }
      undone.push(report);
      if (report.status !== 'done' && report.status !== 'none') return { undone, complete: false };
    }
    return { undone, complete: true };
  } catch {
    // The host cannot be observed: what is left to undo cannot be told. The last observation says why.
    return { undone, complete: false };
  }
}

/** Each thing that was done, in order, as the step that does it. */
function effectsOf(before: Snapshot, steps: readonly StepReport[], now: Snapshot): Step[] {
  return steps.flatMap((report, index) => {
    if (report.status === 'done') return [report.step];
    if (report.status !== 'failed' && report.status !== 'busy') return [];
    return effectsOfFailed(report, appliedThen(before, steps.slice(0, index)), now);
  });
}

/** The payloads that were applied when a step began, base first, as far as the steps before it tell. */
function appliedThen(before: Snapshot, done: readonly StepReport[]): readonly Step[] {
  let applied = stackOf(before).map(appliedStep);
  for (const { step, status } of done) {
    if (status !== 'done') continue;
    if (step.action === 'apply') applied = [...applied, step];
    if (step.action === 'revert') applied = applied.filter(({ name }) => name !== step.name);
    if (step.action === 'replace') applied = [step];
  }
  return applied;
}

function appliedStep({ name, buildId, depends }: LoadedPayload): Step {
  return { action: 'apply', name, buildId, depends, reason: 'it was applied before' };
}

/** What a step that failed did all the same, by what is there now. */
function effectsOfFailed(
  { step, result, error, attempts }: StepReport,
  applied: readonly Step[],
  now: Snapshot,
): readonly Step[] {
  const isApplied = (one: Step) =>
    now.payloads.some((payload) => isSame(payload, one) && payload.state === 'APPLIED');
  const isLoaded = (one: Step) => now.payloads.some((payload) => isSame(payload, one));
  // Xen said yes to begin with, or nobody knows what it said. After a plain no, or unasked, nothing is ours.
  const mayHaveActed = error !== undefined || result?.hypercallRc === 0;
  if (!mayHaveActed || attempts === 0) return [];
  switch (step.action) {
    case 'upload':
      return error !== undefined && isLoaded(step) ? [step] : [];
    case 'apply':
      return isApplied(step) ? [step] : [];
    case 'unload':
      return isLoaded(step) ? [] : [step];
    case 'revert':
    case 'replace': {
      // Reverted from the top down: taken back in that order, the base is applied first.
      const gone = applied.filter((one) => isLoaded(one) && !isApplied(one)).reverse();
      const reverted = gone.map(({ name, buildId, depends }): Step => {
        return { action: 'revert', name, buildId, depends, reason: 'Xen reverted it' };
      });
      return step.action === 'replace' && isApplied(step) ? [...reverted, step] : reverted;
    }
    case 'none':
      return [];
  }
}

/** The report of an undo that another tool has done; null where it is still to be done. */
function foundUndone(undo: Step, now: Snapshot): StepReport | null {
  const reason = alreadyUndone(undo, now);
  if (reason === null) return null;
  return { step: { ...undo, reason }, status: 'none', result: null, attempts: 0 };
}
