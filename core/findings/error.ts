import type { Finding } from './finding.js';

/** Process exit codes, fixed by the CLI contract. */
export const EXIT = { done: 0, failed: 1, busy: 2, rejected: 3, usage: 64 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What is known about a failed operation beyond its message. */
export interface FailureDetail {
  readonly hint?: string;
  readonly findings?: readonly Finding[];
  readonly exitCode?: ExitCode;
  readonly cause?: unknown;
}

/** An operation that could not be done, for a reason outside this program. The CLI prints it. */
export class XspliceError extends Error {
  override readonly name = 'XspliceError';
  readonly code: string;
  readonly hint: string | undefined;
  readonly findings: readonly Finding[];
  readonly exitCode: ExitCode;

  constructor(code: string, message: string, detail: FailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.hint = detail.hint;
    this.findings = detail.findings ?? [];
    this.exitCode = detail.exitCode ?? EXIT.failed;
  }
}

/** Whatever was thrown, as an error that can be reported: what is none of ours is `internal-error`. */
export function errorFrom(thrown: unknown): XspliceError {
  if (thrown instanceof XspliceError) return thrown;
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new XspliceError('internal-error', `Internal error, please report: ${text}`, {
    hint: 'Run it again with --verbose, which adds the place in the code, and report that.',
    cause: thrown,
  });
}
