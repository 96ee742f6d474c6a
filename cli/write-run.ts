import { resolve } from 'node:path';
import { type CheckRun, findingsOfRun, type Standing, standingOfRun } from '../core/check/index.js';
import { EXIT, type ExitCode, explained, type Finding } from '../core/findings/index.js';
import { COMMON_FORMATS } from './destinations.js';
import { appendTo } from './files.js';
import { OPTIONS } from './options/definitions.js';
import type { Session } from './session.js';
import type { Streams } from './terminal/streams.js';
import { thisTool } from './tool.js';
import { renderRun, runFields, runFormat } from './views/check.js';
import { renderJson } from './views/json.js';

const EXIT_CODES: Readonly<Record<Standing, ExitCode>> = {
  good: EXIT.done,
  rejected: EXIT.rejected,
  unknown: EXIT.failed,
};

/** Writes what came of a check in each format that is wanted, in JSON with more fields, and returns the exit code. */
export async function writeRun(
  session: Session,
  found: CheckRun,
  more: Readonly<Record<string, unknown>> = {},
): Promise<number> {
  const { settings, output } = session;
  const run = settings.explain ? explainedRun(found) : found;
  const exitCode = EXIT_CODES[standingOfRun(run)];
  if (output.wants('json')) {
    output.document({ ...runFields(run, exitCode === EXIT.done), ...more }, runFormat(run));
  }
  if (output.quiet) {
    output.findings(openFindings(run));
  } else {
    output.data(renderRun(run, output.style, output.verbose));
  }
  const reports = OPTIONS.format.choices.filter(
    (format) => output.wants(format) && !COMMON_FORMATS.includes(format),
  );
  if (reports.length > 0) await writeReports(session, run, exitCode);
  return exitCode;
}

/** What CI systems read; loaded only where it is asked for. */
async function writeReports(
  { output, streams }: Session,
  run: CheckRun,
  exitCode: ExitCode,
): Promise<void> {
  const { placesBelow, REPORT_FORMATS, REPORTS } = await import('./formats/index.js');
  const context = { tool: thisTool(), exitCode, placeOf: placesBelow(repositoryRoot(streams.env)) };
  for (const format of REPORT_FORMATS) {
    if (!output.wants(format)) continue;
    const made = REPORTS[format](run, context);
    output.report(format, typeof made === 'string' ? made : renderJson(made));
  }
  const summary = streams.env['GITHUB_STEP_SUMMARY'] ?? '';
  if (output.wants('github') && summary !== '') {
    await appendTo(summary, `${REPORTS.markdown(run, context)}\n`);
  }
}

/** Where a CI system has the checkout, else where this was started: what it shows is found from there. */
function repositoryRoot(env: Streams['env']): string {
  const roots = [env['GITHUB_WORKSPACE'], env['CI_PROJECT_DIR'], env['WORKSPACE']];
  return resolve(roots.find((root) => root !== undefined && root !== '') ?? '.');
}

function openFindings(run: CheckRun): readonly Finding[] {
  const all = findingsOfRun(run).map(({ finding }) => finding);
  return all.filter(({ waiver }) => waiver === undefined);
}

function explainedRun({ targets, findings, skipped }: CheckRun): CheckRun {
  return {
    skipped,
    targets: targets.map(({ report, ...target }) => ({
      ...target,
      report: { ...report, findings: explained(report.findings) },
    })),
    findings: explained(findings),
  };
}
