import { errnoName } from '../../core/abi/errno.js';
import { shortId } from '../../core/abi/ids.js';
import { nameText } from '../../core/abi/payload-name.js';
import {
  type CheckReport,
  type CheckRun,
  countsOf,
  type FileVerdict,
  isRejection,
  standingOf,
  standingOfRun,
} from '../../core/check/index.js';
import { counted, type Finding } from '../../core/findings/index.js';
import type { XenAnswer } from '../../core/verify/index.js';
import { escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';
import { renderBranches } from './branches.js';
import { renderFindings } from './findings.js';
import { guardFields, renderGuard } from './old-code.js';

type Fields = Readonly<Record<string, unknown>>;

/** Each hypervisor with its payloads, then, of several, the table of all of them. */
export function renderRun(run: CheckRun, style: Style, verbose: boolean): string {
  const [only, ...others] = run.targets;
  const left =
    run.skipped.length === 0
      ? []
      : [style.dim(`Not asked about: ${escapeText(run.skipped.join(', '))}`)];
  if (run.targets.length === 0 && run.findings.length === 0) {
    return [...left, `${style.good('OK')}: no target is touched.`].join('\n');
  }
  const own = run.findings.length === 0 ? [] : [renderFindings(run.findings, style)];
  if (only !== undefined && others.length === 0) {
    const end = own.length === 0 ? [] : [...own, runSummary(run, style)];
    return [...left, renderCheck(only.report, style, verbose), ...end].join('\n');
  }
  const each = run.targets.map(
    ({ target, report }) =>
      `${style.bold(`Target     ${escapeText(target)}`)}\n${renderCheck(report, style, verbose)}`,
  );
  const matrix = run.targets.length === 0 ? [] : [renderMatrix(run, style)];
  return [...left, ...each, ...own, ...matrix, runSummary(run, style)].join('\n');
}

/** A row a payload, a column a hypervisor; empty where a payload is not meant for one. */
function renderMatrix({ targets }: CheckRun, style: Style): string {
  const files = [...new Set(targets.flatMap(({ report }) => report.files))].sort();
  const columns = targets.map(({ report }) => {
    const verdicts = new Map((report.verdicts ?? []).map((verdict) => [verdict.file, verdict]));
    const known = new Set(report.files);
    return (file: string): Cell => {
      const verdict = verdicts.get(file);
      if (verdict === undefined) return { text: known.has(file) ? 'no verdict' : '' };
      const { outcome } = verdict.inChain ?? verdict;
      return { text: outcome, paint: outcome === 'accepted' ? style.good : style.bad };
    };
  });
  const head = ['', ...targets.map(({ target }) => ({ text: target, paint: style.bold }))];
  const rows = files.map((file) => [file, ...columns.map((cell) => cell(file))]);
  return renderTable([head, ...rows], style, { indent: '  ', titles: 1 });
}

function runSummary(run: CheckRun, style: Style): string {
  const { targets, payloads, accepted, refused, fatal, errors, waived } = countsOf(run);
  const counts = `${counted(payloads, 'payload')}, ${counted(targets, 'target')}: ${accepted} accepted, ${refused} refused, ${fatal} fatal`;
  const more = waived === 0 ? '' : `, ${waived} waived`;
  const standing = standingOfRun(run);
  if (standing === 'good') return `${style.good('OK')}: ${counts}${more}.`;
  const what = standing === 'rejected' ? 'Rejected' : 'Not known';
  return `${style.bad(what)}: ${errors} error${errors === 1 ? '' : 's'}; ${counts}${more}.`;
}

/** The chain in its order, what Xen says to each payload, and all findings. */
function renderCheck(report: CheckReport, style: Style, verbose: boolean): string {
  const { buildId, release, chain, verdicts, guard, findings } = report;
  const xen = release === null ? '' : `Xen ${release}, `;
  const lines = [
    `${style.bold('Hypervisor')} ${xen}build-id ${buildId === null ? 'not known' : verbose ? buildId : shortId(buildId)}`,
  ];
  const verdictOf = new Map((verdicts ?? []).map((verdict) => [verdict.file, verdict]));
  if (chain.length > 0) {
    const isFree = guard?.guard === 'old-code';
    lines.push(style.bold(`${isFree ? 'Payloads' : 'Chain'}, in the order of application`));
    const rows = chain.map((member, index): readonly (string | Cell)[] => {
      const id = member.buildId ?? '';
      return [
        { text: String(index + 1), paint: style.dim },
        { text: nameText(member.name), paint: style.bold },
        verbose ? id : id.slice(0, 12),
        member.file,
        verdictCell(verdictOf.get(member.file), style),
      ];
    });
    lines.push(renderTable(rows, style, { indent: '  ' }));
  }
  const isLinked = report.mode === 'chain' && buildId !== null;
  const ofFile = (file: string) => verdictCell(verdictOf.get(file), style);
  const branches = isLinked ? renderBranches(report, ofFile, style) : '';
  if (branches !== '') lines.push(branches);
  // Where no link counts, payloads are not shown on one another; what is no payload is on none.
  const isShown = new Set((isLinked ? report.members : chain).map(({ file }) => file));
  const outside = (verdicts ?? []).filter(({ file }) => !isShown.has(file));
  if (outside.length > 0) {
    const title =
      report.mode === 'alternatives'
        ? 'Alternatives, of which one is used, with replace'
        : 'Not in the chain';
    lines.push(style.bold(title));
    const rows = outside.map((v) => [nameText(v.name), v.file, verdictCell(v, style)]);
    lines.push(renderTable(rows, style, { indent: '  ' }));
  }
  if (verbose) {
    for (const verdict of verdicts ?? []) {
      const { log, assumptions } = verdict.inChain ?? verdict;
      const printed = log.map((line) => `  ${verdict.file}: Xen: ${line}`);
      const assumed = assumptions.map((text) => `  ${verdict.file}: assumed: ${text}`);
      lines.push(...[...printed, ...assumed].map((line) => style.dim(escapeText(line))));
    }
  }
  if (guard !== null) lines.push(renderGuard(guard, style, verbose));
  if (findings.length > 0) lines.push(renderFindings(findings, style));
  lines.push(summary(report, style));
  return lines.join('\n');
}

/**
 * The run for programs. Of one hypervisor, format 1: the fields that the CLI contract names, and more; of several,
 * format 2: the same for each.
 */
export function runFields(run: CheckRun, ok: boolean): Fields {
  const counts = countsOf(run);
  const [only, ...others] = run.targets;
  if (only !== undefined && others.length === 0) {
    const { findings, ...fields } = checkFields(only.report);
    return {
      ok,
      target: only.target,
      skipped: run.skipped,
      counts,
      ...fields,
      findings: [...run.findings, ...findings],
    };
  }
  return {
    ok,
    counts,
    targets: run.targets.map(({ target, image, report }) => ({
      target,
      image,
      ok: report.ok,
      ...checkFields(report),
    })),
    skipped: run.skipped,
    findings: run.findings,
  };
}

/** Of the document of a run. */
export function runFormat({ targets }: CheckRun): 1 | 2 {
  return targets.length === 1 ? 1 : 2;
}

interface CheckFields extends Fields {
  readonly findings: readonly Finding[];
}

function checkFields(report: CheckReport): CheckFields {
  const { failOn, mode, buildId, release, chain, verdicts, notVerified, guard, findings } = report;
  return {
    failOn,
    mode,
    hypervisor: { buildId, release },
    chain: chain.map(({ file, name, buildId: id, depends, xenDepends, sha256 }) => ({
      file,
      name: nameText(name),
      buildId: id,
      depends,
      xenDepends,
      sha256,
    })),
    verdicts: verdicts?.map(verdictFields) ?? null,
    notVerified,
    guard: guardFields(guard),
    unreadable: report.unreadable.map(({ file, code, message }) => ({ file, code, message })),
    findings,
  };
}

function verdictFields({ file, name, inChain, ...answer }: FileVerdict): Fields {
  return {
    ...{ file, name: nameText(name) },
    ...answerFields(answer),
    inChain: inChain === null ? null : answerFields(inChain),
  };
}

function answerFields({ faults: _, ...answer }: XenAnswer): Fields {
  return answer;
}

function verdictCell(verdict: FileVerdict | undefined, style: Style): Cell {
  if (verdict === undefined) return { text: '' };
  const { outcome, operation, errno, stage } = verdict.inChain ?? verdict;
  switch (outcome) {
    case 'accepted':
      return {
        text: operation === 'upload' ? 'upload accepted' : 'accepted',
        paint: style.good,
      };
    case 'refused':
      return {
        text: `refused: ${errnoName(errno ?? 0)} (${stage ?? ''})`,
        paint: style.bad,
      };
    case 'fatal':
      return { text: `fatal (${stage ?? ''})`, paint: style.bad };
  }
}

function summary(
  { ok, failOn, mode, release, chain, verdicts, notVerified, guard, findings }: CheckReport,
  style: Style,
): string {
  const note =
    notVerified === null ? '' : `\n${style.warn('Not verified')}: ${escapeText(notVerified)}`;
  if (!ok) {
    const rejections = findings.filter((found) => isRejection(found, failOn));
    const what = standingOf(findings, failOn) === 'unknown' ? 'Not known' : 'Rejected';
    return `${style.bad(what)}: ${countText(rejections)}.${note}`;
  }
  const payloads = counted(chain.length, 'payload');
  const whole =
    guard?.guard === 'old-code'
      ? `${payloads} made for the code that is there`
      : `one valid chain of ${payloads}`;
  const apart = mode === 'alternatives' ? 'each valid when used alone' : 'each valid by itself';
  const good = chain.length > 0 ? whole : apart;
  const isAssumed = (verdicts ?? []).some((one) => (one.inChain ?? one).assumptions.length > 0);
  const condition = isAssumed ? ', if what is assumed holds (--verbose says it)' : '';
  const accepted =
    verdicts === null
      ? ''
      : `; Xen ${release ?? ''} will accept ${verdicts.length === 1 ? 'it' : 'each'}${condition}`;
  return `${style.good('OK')}: ${good}${accepted}.${note}`;
}

/** `1 error, 2 warnings`. */
function countText(findings: readonly Finding[]): string {
  const parts = (['error', 'warning', 'note'] as const).flatMap((severity) => {
    const count = findings.filter((found) => found.severity === severity).length;
    return count === 0 ? [] : [counted(count, severity)];
  });
  return parts.join(', ');
}
