import { nameText } from '../core/abi/payload-name.js';
import type { ExecutionReport, StepReport } from '../core/change/index.js';
import { XspliceError } from '../core/findings/index.js';
import type { Step } from '../core/stack/index.js';
import { adviceFor } from '../core/verify/index.js';
import { answerText } from './views/execution.js';

/** Why an execution is no success: 2 where the host was busy, else 1. Null where it is one. */
export function failureOf(report: ExecutionReport): XspliceError | null {
  if (report.outcome === 'done') return null;
  const state = stateText(report);
  const bad = report.steps.find(({ status }) => status === 'failed' || status === 'busy');
  if (bad === undefined) {
    return new XspliceError('interrupted', `Interrupted: ${state}`);
  }
  const { step, result, attempts } = bad;
  const what = `the ${step.action} of ${subjectOf(step)}`;
  if (bad.status === 'busy') {
    return new XspliceError(
      'busy',
      `Xen stayed busy at ${what} after ${attempts} tries (${answerText(result)}): ${state}`,
    );
  }
  const message = `Xen refused ${what} with ${answerText(result)}: ${state}`;
  if (meddledWith(report).length > 0) {
    return new XspliceError('changed-meanwhile', message);
  }
  return new XspliceError('refused', message, {
    hint: adviceFor(result?.stage ?? null, errnoOf(result)),
  });
}

/** What somebody else had taken back before this program came to it. */
function meddledWith({ undone }: ExecutionReport): readonly StepReport[] {
  return undone.filter(({ status }) => status === 'none');
}

function stateText(report: ExecutionReport): string {
  const meddled = meddledWith(report).map(({ step }) => `${nameText(step.name)}: ${step.reason}`);
  const words = outcomeText(report, meddled.length > 0);
  return meddled.length === 0 ? words : `${words} (${meddled.join('; ')})`;
}

function outcomeText({ outcome }: ExecutionReport, isMeddledWith: boolean): string {
  switch (outcome) {
    case 'taken-back':
      return isMeddledWith
        ? 'what was done is taken back'
        : 'what was done is taken back, the host is as it was';
    case 'stuck':
      return 'what was done could not be taken back; see list';
    default:
      return 'what was done stays; see list';
  }
}

function subjectOf(step: Step): string {
  return step.file ?? nameText(step.name);
}

/** The errno of whichever answer refused. */
function errnoOf(result: StepReport['result']): number | null {
  if (result === null) return null;
  return Math.abs(result.hypercallRc === 0 ? (result.payloadRc ?? 0) : result.hypercallRc);
}
