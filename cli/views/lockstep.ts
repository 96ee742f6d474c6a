import {
  type HostReport,
  hostText,
  isExpected,
  isForOthers,
  type LockstepReport,
  type ModuleVerdict,
  type Outcome,
} from '../../core/lockstep/index.js';
import { escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';
import { renderFindings } from './findings.js';

type Fields = Readonly<Record<string, unknown>>;

const WORDS: Readonly<Record<Outcome, string>> = {
  accepted: 'accepted',
  'accepted-with-loss': 'accepted, with loss',
  'not-proven': 'starts, not proven',
  refused: 'refused',
  fatal: 'fatal',
  undecided: 'undecided',
};

const OUTCOMES = [
  'accepted',
  'accepted-with-loss',
  'not-proven',
  'refused',
  'fatal',
  'undecided',
] as const satisfies readonly Outcome[];

/** Each host with its modules, then the findings, then how many of what. */
export function renderLockstep(report: LockstepReport, style: Style, verbose: boolean): string {
  const lines = report.hosts.map((host) => renderHost(host, style, verbose));
  if (report.findings.length > 0) lines.push(renderFindings(report.findings, style));
  lines.push(summary(report, style));
  return lines.join('\n');
}

/** Modules that are accepted, or are as they should be, are counted; --verbose names them too. */
function renderHost(
  { host, facts, start, modules, isNamed }: HostReport,
  style: Style,
  verbose: boolean,
): string {
  const heading = `${style.bold(escapeText(host))}  ${escapeText(hostText(facts))}`;
  const accepted = modules.filter(({ outcome }) => outcome === 'accepted').length;
  const shown = modules.filter((one) => {
    return verbose || (one.outcome !== 'accepted' && (isNamed || !isExpected(one)));
  });
  const rows = shown.map((module): readonly (string | Cell)[] => [
    module.file,
    outcomeCell(module, style),
    ...(module.says === null ? [] : [{ text: module.says, paint: style.dim }]),
  ]);
  return [
    heading,
    ...(start.says === null ? [] : [`  ${style.bad('does not start')}: ${escapeText(start.says)}`]),
    ...(modules.length === 0 ? [] : [`  ${accepted} of ${modules.length} accepted`]),
    ...(rows.length === 0 ? [] : [renderTable(rows, style, { indent: '  ' })]),
  ].join('\n');
}

function outcomeCell(module: ModuleVerdict, style: Style): Cell {
  if (isForOthers(module)) return { text: 'for another program', paint: style.dim };
  const { outcome } = module;
  const text = WORDS[outcome];
  switch (outcome) {
    case 'accepted':
      return { text, paint: style.good };
    case 'refused':
    case 'fatal':
      return { text, paint: style.bad };
    default:
      return { text, paint: style.warn };
  }
}

function summary({ ok, hosts, counts }: LockstepReport, style: Style): string {
  const others = hosts.flatMap(({ modules }) => modules).filter(isForOthers).length;
  const found = [
    ...OUTCOMES.map((one) => [counts[one] - (one === 'refused' ? others : 0), WORDS[one]] as const),
    [others, 'for other programs'] as const,
  ]
    .filter(([count]) => count > 0)
    .map(([count, words]) => `${count} ${words}`);
  const what = found.length === 0 ? 'no module' : found.join(', ');
  const on = hosts.length === 1 ? '1 host' : `${hosts.length} hosts`;
  return `${ok ? style.good('OK') : style.bad('Not in lockstep')}: ${on}, ${what}.`;
}

/** The same for programs: see docs/formats.md. */
export function lockstepFields({ ok, hosts, counts, findings }: LockstepReport): Fields {
  return { ok, counts, hosts: hosts.map(hostFields), findings };
}

function hostFields({ host, facts, start, modules }: HostReport): Fields {
  return {
    host,
    kind: facts.kind,
    version: 'version' in facts ? facts.version : null,
    packageVersion: facts.kind === 'qemu' ? facts.packageVersion : null,
    stamp: facts.kind === 'qemu' ? facts.stamp : null,
    soname: facts.kind === 'linked' ? facts.soname : null,
    start,
    modules,
  };
}
