import { errnoName } from '../abi/errno.js';
import { nameText } from '../abi/payload-name.js';
import { counted, XspliceError } from '../findings/index.js';
import type { OperationResult } from '../hypervisor/index.js';
import type { Step } from '../stack/index.js';
import { adviceFor } from '../verify/index.js';
import type { ExecutionReport, StepReport } from './execution.js';

/** Why an execution is no success. Null where it is one. */
export function failureOf(report: ExecutionReport): XspliceError | null {
  if (report.outcome === 'done') return null;
  const state = meddlingText(report, outcomeText(report));
  const { afterError } = report;
  if (report.isLeftToHost && afterError && report.steps.every(isFine)) {
    const message = `Whether it stays was not heard: ${state}`;
    return new XspliceError(afterError.code, message, { hint: afterError.hint, cause: afterError });
  }
  const bad = report.steps.find(({ status }) => status === 'failed' || status === 'busy');
  const message = bad === undefined ? `Interrupted: ${state}` : `${reasonText(bad)}: ${state}`;
  const error = bad?.error;
  const more = error === undefined ? {} : { findings: error.findings, cause: error };
  const whatNow = nextSteps(report);
  // What is lost does not come back by trying again, whatever the reason was.
  if (whatNow !== null)
    return new XspliceError('payload-lost', message, { hint: whatNow, ...more });
  if (bad === undefined) return new XspliceError('interrupted', message);
  if (error !== undefined)
    return new XspliceError(error.code, message, { hint: error.hint, ...more });
  if (bad.status === 'busy') return new XspliceError('busy', message);
  if (meddledWith(report).length > 0) return new XspliceError('changed-meanwhile', message);
  return new XspliceError('refused', message, { hint: refusalAdvice(bad.result) });
}

function isFine({ status }: StepReport): boolean {
  return status === 'done' || status === 'none';
}

function reasonText({ step, status, result, attempts, error }: StepReport): string {
  const what = `the ${step.action} of ${subjectOf(step)}`;
  if (error !== undefined) return `At ${what}: ${error.message}`;
  if (status === 'failed') return `Xen refused ${what} with ${answerText(result)}`;
  return `Xen stayed busy at ${what} after ${counted(attempts, 'try', 'tries')} (${answerText(result)})`;
}

/** What is true after an execution that is no success, in words that follow a colon. */
export function outcomeText(report: ExecutionReport): string {
  const { outcome, asItWas, lost, afterError, isLeftToHost } = report;
  switch (outcome) {
    case 'done':
      return 'it is done';
    case 'taken-back':
      return asItWas
        ? 'what was done is taken back, the host is as it was'
        : 'what was done is taken back';
    case 'lost': {
      const names = lost.map(({ name }) => nameText(name)).join(', ');
      const [are, them] = lost.length === 1 ? ['is', 'it'] : ['are', 'them'];
      return `lost: ${names} ${are} no longer applied, the host runs without ${them}`;
    }
    case 'stuck':
      return 'what was done could not be taken back; see list';
    case 'partial':
      return 'what was done stays; see list';
    case 'unknown': {
      const why = afterError === undefined ? '' : ` (${afterError.message})`;
      const itself = isLeftToHost ? '; the agent there was told to take back what was done' : '';
      return `what is true now could not be observed${why}${itself}; see list`;
    }
  }
}

/** What to do about a loss; null where nothing is lost. */
function nextSteps({ lost }: ExecutionReport): string | null {
  const [first] = lost;
  if (first === undefined) return null;
  return first.isLoaded
    ? `Apply it again: xsplice-ts apply ${nameText(first.name)}. Where Xen refuses that, because it has data of its own, give its file instead: it is uploaded anew.`
    : `Apply it again from its file: xsplice-ts apply FILE.`;
}

function refusalAdvice(result: OperationResult | null): string {
  const outcome = result?.verdict?.outcome;
  const stage = outcome?.outcome === 'refused' ? outcome.stage : null;
  // What Xen printed is in the message: its console has no more to say.
  if (stage === null && (result?.log.length ?? 0) > 0) {
    return 'The message holds what Xen printed about it.';
  }
  return adviceFor(stage, errnoOf(result));
}

/** The answer that refused, as an errno name and Xen's last line. */
export function answerText(result: OperationResult | null): string {
  if (result === null) return 'no answer';
  const rc = result.hypercallRc === 0 ? (result.payloadRc ?? 0) : result.hypercallRc;
  const line = result.log.at(-1);
  return line === undefined ? errnoName(rc) : `${errnoName(rc)}, "${line}"`;
}

/** What somebody else had taken back before this program came to it. */
function meddledWith({ undone }: ExecutionReport): readonly StepReport[] {
  return undone.filter(({ status }) => status === 'none');
}

function meddlingText(report: ExecutionReport, words: string): string {
  const meddled = meddledWith(report).map(({ step }) => `${nameText(step.name)}: ${step.reason}`);
  return meddled.length === 0 ? words : `${words} (${meddled.join('; ')})`;
}

function subjectOf(step: Step): string {
  return step.file ?? nameText(step.name);
}

/** The errno of whichever answer refused. */
function errnoOf(result: OperationResult | null): number | null {
  if (result === null) return null;
  return Math.abs(result.hypercallRc === 0 ? (result.payloadRc ?? 0) : result.hypercallRc);
}
