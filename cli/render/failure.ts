import type { Finding, XspliceError } from '../../core/index.js';
import { escapeText } from './escape.js';
import { renderFindings } from './findings.js';
import type { Style } from './style.js';

/** An error for people: what, with both values; other findings; what to do. */
export function renderFailure(error: XspliceError, style: Style): string {
  const { message, hint, findings } = error;
  const others = findings.filter(
    (finding) => finding.explanation !== undefined || !message.includes(finding.message),
  );
  const lines = [`${style.bad('xsplice-ts:')} ${escapeText(message)}`];
  if (others.length > 0) lines.push(renderFindings(others, style, hint));
  if (hint !== undefined) lines.push(escapeText(hint));
  return lines.join('\n');
}

/** The same for programs; `more` are findings that were made before it failed. */
export function failureFields(
  error: XspliceError,
  more: readonly Finding[] = [],
): Readonly<Record<string, unknown>> {
  const { code, message, hint, findings } = error;
  return { error: { code, message, hint: hint ?? null }, findings: [...more, ...findings] };
}
