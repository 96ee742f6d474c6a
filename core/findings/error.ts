import { CATALOGUE, type CatalogueEntry, type Code } from './catalogue/index.js';
import { EXIT, type ExitCode } from './exit-code.js';
import type { Finding } from './finding.js';

/** What is known about a failed operation beyond its message. */
export interface FailureDetail {
  /** What to do next. Absent: what the catalogue says of the code. */
  readonly hint?: string;
  readonly findings?: readonly Finding[];
  readonly cause?: unknown;
}

/** An operation that could not be done, for a reason outside this program. The CLI prints it. */
export class XspliceError extends Error {
  override readonly name = 'XspliceError';
  readonly code: Code;
  readonly hint: string;
  readonly findings: readonly Finding[];
  /** Of the process, where this ends it. */
  readonly exitCode: ExitCode;

  constructor(code: Code, message: string, detail: FailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    const { mend, exitCode }: CatalogueEntry = CATALOGUE[code];
    this.code = code;
    this.hint = detail.hint ?? mend;
    this.findings = detail.findings ?? [];
    this.exitCode = exitCode ?? EXIT.failed;
  }
}

/** Whatever was thrown, as an error that can be reported: what is none of ours is `internal-error`. */
export function errorFrom(thrown: unknown): XspliceError {
  if (thrown instanceof XspliceError) return thrown;
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new XspliceError('internal-error', `Internal error, please report: ${text}`, {
    cause: thrown,
  });
}
