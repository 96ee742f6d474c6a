import { errnoName } from '../../core/abi/errno.js';
import { type CheckRun, countsOf, findingsOfRun, type RunFinding } from '../../core/check/index.js';
import { counted } from '../../core/findings/index.js';
import { escapeText } from '../terminal/escape.js';
import type { FormatContext } from './context.js';
import type { PlaceOf } from './place.js';

/** Ours: a comment of GitHub has room for 65,536 characters. */
const MAX_FINDINGS = 100;
const MAX_ROWS = 200;
const WEIGHT = { error: 0, warning: 1, note: 2 } as const;

/** For a merge request, a comment or a job summary: the verdicts as a table, then the findings. */
export function markdownOf(run: CheckRun, { exitCode, placeOf }: FormatContext): string {
  const counts = countsOf(run);
  const title = exitCode === 0 ? 'OK' : exitCode === 3 ? 'Rejected' : 'Not known';
  const numbers = [
    counted(counts.payloads, 'payload'),
    counted(counts.targets, 'target'),
    counted(counts.errors, 'error'),
    counted(counts.warnings, 'warning'),
    counted(counts.notes, 'note'),
    ...(counts.waived === 0 ? [] : [`${counts.waived} waived`]),
    ...(run.skipped.length === 0 ? [] : [`${run.skipped.length} not asked about`]),
  ];
  const found = [...findingsOfRun(run)].sort((a, b) => weightOf(a) - weightOf(b));
  const hidden = found.length - MAX_FINDINGS;
  return [
    `### Live patches: ${title}`,
    '',
    `${numbers.join(', ')}.`,
    '',
    ...tableOf(run, placeOf),
    ...(found.length === 0 ? [] : ['', '#### Findings', '']),
    ...found.slice(0, MAX_FINDINGS).map((one) => itemOf(run, one, placeOf)),
    ...(hidden > 0 ? [`- and ${hidden} more`] : []),
  ].join('\n');
}

function weightOf({ finding: { waiver, severity } }: RunFinding): number {
  return waiver === undefined ? WEIGHT[severity] : 3;
}

function tableOf({ targets }: CheckRun, placeOf: PlaceOf): readonly string[] {
  const files = [...new Set(targets.flatMap(({ report }) => report.files))].sort();
  if (files.length === 0) return [];
  const columns = targets.map(({ report }) => {
    const verdicts = new Map((report.verdicts ?? []).map((verdict) => [verdict.file, verdict]));
    const known = new Set(report.files);
    const wrong = new Set(
      report.findings.flatMap(({ severity, waiver, file = '', otherFiles = [] }) =>
        severity === 'error' && waiver === undefined ? [file, ...otherFiles] : [],
      ),
    );
    return (file: string): string => {
      if (!known.has(file)) return '';
      const verdict = verdicts.get(file);
      const { outcome, errno } = verdict?.inChain ?? verdict ?? { outcome: null, errno: null };
      if (outcome === 'accepted' && !wrong.has(file)) return 'accepted';
      if (outcome === 'refused') return `**refused** ${errno === null ? '' : errnoName(errno)}`;
      if (outcome === 'fatal') return '**fatal**';
      return wrong.has(file) ? '**rejected**' : report.verdicts === null ? 'in chain' : 'not known';
    };
  });
  const hidden = files.length - MAX_ROWS;
  return [
    `| Payload | ${targets.map(({ target }) => code(target)).join(' | ')} |`,
    `|---|${targets.map(() => '---|').join('')}`,
    ...files
      .slice(0, MAX_ROWS)
      .map(
        (file) => `| ${code(placeOf(file))} | ${columns.map((cell) => cell(file)).join(' | ')} |`,
      ),
    ...(hidden > 0 ? [`| and ${hidden} more | ${targets.map(() => '').join(' | ')} |`] : []),
  ];
}

function itemOf(run: CheckRun, { target, finding }: RunFinding, placeOf: PlaceOf): string {
  const { severity, code: name, message, hint, waiver, file } = finding;
  const place = file === undefined || message.includes(file) ? '' : `${code(placeOf(file))}: `;
  const where = target === null || run.targets.length === 1 ? '' : ` ${code(target.target)}`;
  const weight = waiver === undefined ? `**${severity}**` : `waived ${severity}`;
  const why =
    waiver === undefined ? '' : ` Waived until ${waiver.expires}: ${prose(waiver.reason)}`;
  return `- ${weight}${where} ${place}${prose(message)} (\`${name}\`)${hint === undefined ? '' : `. ${prose(hint)}`}${why}`;
}

/** A name: nothing in it is Markdown or a mention, and no table is torn by it. */
function code(text: string): string {
  return `<code>${entities(text)}</code>`;
}

/** A sentence: the same, but that a mention would be heard is kept from it by being code. */
function prose(text: string): string {
  return entities(text).replaceAll('&#64;', '<code>&#64;</code>');
}

function entities(text: string): string {
  return escapeText(text).replace(
    /[&<>"'|*_`~[\]\\#@!$%:^]/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}
