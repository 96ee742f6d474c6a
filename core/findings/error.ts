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

  /**
   * The error that says the first of these findings, with its code and hint, and holds them all; null where
   * there is none. What `detail` gives stands in place of what the finding says.
   */
  static of(findings: readonly Finding[], detail: FailureDetail = {}): XspliceError | null {
    const [first] = findings;
    if (first === undefined) return null;
    const { code, message, hint } = first;
    return new XspliceError(code, message, {
      findings,
      ...(hint === undefined ? {} : { hint }),
      ...detail,
    });
  }
}
