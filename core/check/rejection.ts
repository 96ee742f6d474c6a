import type { Code, Finding, Severity } from '../findings/index.js';

/** Codes that say that nothing is known of a file or a hypervisor: they reject nothing. */
const UNKNOWN: ReadonlySet<Code> = new Set<Code>([
  'not-verified',
  'file-not-found',
  'file-not-readable',
  'not-a-file',
  'file-changed',
  'no-payloads',
  'rehearsal-busy',
]);

/** True of a finding that says that nothing is known. */
export function isUnknown({ code }: Finding): boolean {
  return UNKNOWN.has(code);
}

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];

/** True where a finding is severe enough to be a rejection, and nobody lets it pass. */
export function isRejection({ severity, waiver }: Finding, failOn: Severity): boolean {
  return waiver === undefined && SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(failOn);
}
