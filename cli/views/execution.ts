import { errnoName } from '../../core/abi/errno.js';
import type { ExecutionReport, StepReport } from '../../core/change/index.js';
import { stackOf } from '../../core/hypervisor/index.js';
import { escapeName, escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';
import { stackText } from './plan.js';

/** What was done, step by step with its time; in how long, and what the stack is now. */
export function renderExecution(
  report: ExecutionReport,
  elapsedMs: number,
  style: Style,
  verbose: boolean,
): string {
  const asked = report.steps.filter(({ status }) => status !== 'none' && status !== 'skipped');
  const lines = [];
  if (asked.length > 0) lines.push(renderTable(rowsOf(asked, style, verbose), '  '));
  if (report.undone.length > 0) {
    lines.push(style.warn('Taken back:'), renderTable(rowsOf(report.undone, style, true), '  '));
  }
  if (verbose) {
    const log = [...report.steps, ...report.undone].flatMap(({ result }) => result?.log ?? []);
    lines.push(...log.map((line) => style.dim(`  Xen: ${escapeText(line)}`)));
  }
  lines.push(summary(report, elapsedMs, style));
  return lines.join('\n');
}

/** Under --verbose a row a step, else a row a payload. */
function rowsOf(
  reports: readonly StepReport[],
  style: Style,
  verbose: boolean,
): readonly (readonly Cell[])[] {
  const groups = new Map<string, StepReport[]>();
  reports.forEach((report, index) => {
    const key = verbose ? String(index) : report.step.name;
    groups.set(key, [...(groups.get(key) ?? []), report]);
  });
  return [...groups.values()].map((group) => {
    const bad = group.some(({ status }) => status === 'failed' || status === 'busy');
    const gone = group.every(({ status }) => status === 'none');
    return [
      { text: bad ? 'failed' : gone ? 'gone' : 'done', paint: bad ? style.bad : style.good },
      { text: escapeName(group[0]?.step.name ?? ''), paint: style.bold },
      { text: group.map(stepText).join(', ') },
    ];
  });
}

function stepText({ step, result, attempts, status }: StepReport): string {
  const time = result === null ? '' : ` ${milliseconds(result.elapsedMs)}`;
  const tries = attempts > 1 ? ` (${attempts} tries)` : '';
  if (status === 'none') return `${step.action}: ${step.reason}`;
  const end = status === 'done' ? '' : `: ${answerText(result)}`;
  return `${step.action}${time}${tries}${end}`;
}

/** The answer that refused, as an errno name and Xen's last line. */
export function answerText(result: StepReport['result']): string {
  if (result === null) return 'not asked';
  const rc = result.hypercallRc === 0 ? (result.payloadRc ?? 0) : result.hypercallRc;
  const line = result.log.at(-1);
  return line === undefined ? errnoName(rc) : `${errnoName(rc)}, "${line}"`;
}

function summary(report: ExecutionReport, elapsedMs: number, style: Style): string {
  const now = `Applied now: ${stackText(stackOf(report.after))}`;
  const meddledWith = report.undone.some(({ status }) => status === 'none');
  const asItWas = meddledWith ? '' : ', the host is as it was';
  switch (report.outcome) {
    case 'done': {
      const done = report.steps.filter(({ status }) => status === 'done');
      const steps = done.length === 1 ? '1 step' : `${done.length} steps`;
      return `${style.good('Done')}: ${steps} in ${milliseconds(elapsedMs)}. ${now}`;
    }
    case 'taken-back':
      return `${style.bad('Failed')}: what was done is taken back${asItWas}. ${now}`;
    case 'stuck':
      return `${style.bad('Failed')}, and what was done could not be taken back. ${now}`;
    case 'partial':
      return `${style.warn('Done in part')}, and left so as asked (--keep-going). ${now}`;
  }
}

function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}
