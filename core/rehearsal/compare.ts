import { formatRc } from '../abi/errno.js';
import type { OperationResult } from '../hypervisor/index.js';
import { succeeded } from '../hypervisor/index.js';
import type { Operation, Verdict } from '../verify/index.js';
import type { Seen } from './rehearsal.js';

/** Xen's answer, as a rehearsal keeps it. */
export function seenOf({ hypercallRc, payloadRc, log }: OperationResult): Seen {
  const rc = hypercallRc < 0 ? hypercallRc : (payloadRc ?? 0);
  const isDone = succeeded({ hypercallRc, payloadRc, log, elapsedMs: 0 });
  return {
    outcome: isDone ? 'accepted' : 'refused',
    errno: isDone ? null : -rc,
    ...{ cause: null, hypercallRc, payloadRc, log },
  };
}

/**
 * An address in the buffer that Xen copies the file to, as %p prints it: which pages of VMAP_DEFAULT are free depends on
 * what else the host has mapped.
 */
const FILE_BUFFER = /\bffff82c0[0-9a-f]{5}([0-9a-f]{3})\b/g;

/** A line that Xen prints, as far as it says the same each time: of damaged names only text counts, and no indentation. */
export function plainLine(line: string): string {
  return line
    .replaceAll(/[^ -~]/g, '')
    .replaceAll(FILE_BUFFER, 'file+$1')
    .replaceAll(/ +/g, ' ')
    .trim();
}

/** In what a verdict and an answer differ, in words; null where they do not. Of lines, where they are compared. */
export function differenceOf(
  operation: Operation,
  verdict: Verdict,
  seen: Seen,
  areLinesCompared: boolean,
): string | null {
  const { outcome } = verdict;
  if (seen.outcome === 'busy') return null;
  if (outcome.outcome === 'fatal') {
    return seen.outcome === 'fatal' ? null : `fatal was expected (${outcome.cause}): ${said(seen)}`;
  }
  if (seen.outcome === 'fatal') return `${wanted(verdict)} was expected: ${said(seen)}`;
  const isSame =
    seen.hypercallRc === verdict.hypercallRc &&
    // Of a payload that was not loaded there may be an older one of that name.
    (operation === 'upload' || seen.payloadRc === verdict.payloadRc);
  if (!isSame) return `${wanted(verdict)} was expected: ${said(seen)}`;
  if (!areLinesCompared) return null;
  const expected = verdict.log.map(({ text }) => plainLine(text));
  const printed = seen.log.map(plainLine);
  const at = expected.findIndex((line, index) => line !== printed[index]);
  if (at < 0 && expected.length === printed.length) return null;
  const place = at < 0 ? expected.length : at;
  return `line ${place + 1} of what it prints was expected to be ${quoted(expected[place])}, and is ${quoted(printed[place])}`;
}

function quoted(line: string | undefined): string {
  return line === undefined ? 'none' : JSON.stringify(line);
}

function wanted({ hypercallRc, payloadRc }: Verdict): string {
  return `hypercall ${formatRc(hypercallRc ?? 0)}, payload rc ${rcText(payloadRc)}`;
}

function said({ outcome, cause, hypercallRc, payloadRc, log }: Seen): string {
  if (outcome === 'fatal') return `it died: ${cause}`;
  const printed = log.length === 0 ? 'nothing' : log.join(' | ');
  return `it answered hypercall ${formatRc(hypercallRc ?? 0)}, payload rc ${rcText(payloadRc)}, and printed ${printed}`;
}

function rcText(rc: number | null): string {
  return rc === null ? 'none' : formatRc(rc);
}
