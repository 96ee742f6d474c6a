import type { Finding } from '../../core/findings/index.js';
import { escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';

const ORDER = { error: 0, warning: 1, note: 2 } as const;

/**
 * Findings, errors first, each with its hint below. A file is named once per finding, and how to mend it
 * is said once: not where its hint, or the `advice` that follows, says so.
 */
export function renderFindings(findings: readonly Finding[], style: Style, advice = ''): string {
  return [...findings]
    .sort((a, b) => ORDER[a.severity] - ORDER[b.severity])
    .map((finding) => renderFinding(finding, style, advice))
    .join('\n');
}

function renderFinding(finding: Finding, style: Style, advice: string): string {
  const { severity, code, message, hint, file, waiver, accepted } = finding;
  const weight = severity === 'error' ? style.bad : severity === 'warning' ? style.warn : style.dim;
  const paint = waiver === undefined ? weight : style.dim;
  const word = waiver === undefined ? severity : `waived ${severity}`;
  const where = file !== undefined && !message.includes(file) ? `${file}: ` : '';
  const line = `${paint(word)} ${escapeText(`${where}${message}`)} ${style.dim(`[${code}${accepted === true ? ', accepted' : ''}]`)}`;
  const more = [
    ...(waiver === undefined ? [] : [`Waived until ${waiver.expires}: ${waiver.reason}`]),
    ...(hint === undefined || advice.includes(hint) ? [] : [hint]),
    ...explanationLines(finding, `${hint ?? ''}\n${advice}`),
  ];
  return [line, ...more.map((text) => `      ${escapeText(text)}`)].join('\n');
}

/** What is known of a finding, a line each; none where it is not explained. */
export function explanationText(finding: Finding, said: string): readonly string[] {
  return explanationLines(finding, said).map((line) => `      ${escapeText(line)}`);
}

function explanationLines({ explanation }: Finding, said: string): readonly string[] {
  if (explanation === undefined) return [];
  const { what, where, since, mend } = explanation;
  const places = where.length === 0 ? [] : [`where  ${where.join(', ')}`];
  const mending = said.includes(mend) ? [] : [`mend   ${mend}`];
  return [`what   ${what}`, ...places, `since  ${since}`, ...mending];
}
