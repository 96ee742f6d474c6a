import {
  answerText,
  type ExecutionReport,
  outcomeText,
  type StepReport,
} from '../../core/change/index.js';
import { counted } from '../../core/findings/index.js';
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
  const performed = report.steps.filter(({ status }) => status !== 'none' && status !== 'skipped');
  const lines = [];
  if (performed.length > 0)
    lines.push(renderTable(rowsOf(performed, style, verbose), style, { indent: '  ' }));
  if (report.undone.length > 0) {
    lines.push(
      style.warn('Taken back:'),
      renderTable(rowsOf(report.undone, style, true), style, { indent: '  ' }),
    );
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

function stepText({ step, result, attempts, status, error }: StepReport): string {
  const time = result === null ? '' : ` ${milliseconds(result.elapsedMs)}`;
  const tries = attempts > 1 ? ` (${attempts} tries)` : '';
  if (status === 'none') return `${step.action}: ${step.reason}`;
  const end = status === 'done' ? '' : `: ${error?.message ?? answerText(result)}`;
  return `${step.action}${time}${tries}${end}`;
}

function summary(report: ExecutionReport, elapsedMs: number, style: Style): string {
  const { after, outcome } = report;
  const now =
    after === null ? 'Applied now: not known' : `Applied now: ${stackText(stackOf(after))}`;
  if (outcome === 'done') {
    const done = report.steps.filter(({ status }) => status === 'done');
    return `${style.good('Done')}: ${counted(done.length, 'step')} in ${milliseconds(elapsedMs)}. ${now}`;
  }
  if (outcome === 'partial') {
    return `${style.warn('Done in part')}, and left so as asked (--keep-going). ${now}`;
  }
  return `${style.bad('Failed')}: ${escapeText(outcomeText(report))}. ${now}`;
}

function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}
