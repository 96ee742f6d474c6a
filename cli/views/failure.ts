import type { Finding, XspliceError } from '../../core/findings/index.js';
import { escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { explanationText, renderFindings } from './findings.js';

/** An error for people: what, with both values, and on which host; other findings; what to do. */
export function renderFailure(
  error: XspliceError,
  style: Style,
  host: string | null = null,
): string {
  const { code, message, hint, findings } = error;
  // An answer is no fault.
  if (code === 'declined') return escapeText(message);
  const others = findings.filter(
    (finding) => finding.explanation !== undefined || !message.includes(finding.message),
  );
  const where = host === null ? '' : ` (host ${host})`;
  // What the error says already is not said again, but what is known of it is.
  const [own, ...more] = others;
  const isSaid = own !== undefined && message.includes(own.message);
  const lines = [`${style.bad('xsplice-ts:')} ${escapeText(`${message}${where}`)}`];
  if (isSaid) lines.push(...explanationText(own, hint));
  const rest = isSaid ? more : others;
  if (rest.length > 0) lines.push(renderFindings(rest, style, hint));
  lines.push(escapeText(hint));
  return lines.join('\n');
}

/** The same for programs; `more` are findings that were made before it failed. */
export function failureFields(
  error: XspliceError,
  more: readonly Finding[] = [],
): Readonly<Record<string, unknown>> {
  const { code, message, hint, findings } = error;
  return { error: { code, message, hint }, findings: [...more, ...findings] };
}
