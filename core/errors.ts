/** How much a finding weighs: an error stops the work, a warning and a note do not. */
export type Severity = 'error' | 'warning' | 'note';

/** Why something is refused, fatal or dangerous, and what to do about it: what --explain shows. */
export interface Explanation {
  /** What Xen checks there, or what happens. One to three sentences. */
  readonly what: string;
  /** Functions of Xen and their files. Empty for what Xen does not look at. */
  readonly where: readonly string[];
  /** Releases, backports included: when it began and what changed. */
  readonly since: string;
  /** How to mend the payload, or what to do instead. */
  readonly mend: string;
}

/**
 * Something that was found out about an input, as a value. Checks return findings; they never throw
 * them. The code is stable and part of the CLI's contract, the message is for people.
 */
export interface Finding {
  /** Stable, kebab-case, e.g. `missing-parent`. */
  readonly code: string;
  readonly severity: Severity;
  /** One sentence that holds both values: the one found and the one expected. */
  readonly message: string;
  /** What to do next. */
  readonly hint?: string;
  /** The file it was found in, as the caller named it. */
  readonly file?: string;
  /** Other files that take part, e.g. the second of two duplicates. */
  readonly otherFiles?: readonly string[];
  /** The stage of Xen's loader that would refuse (see core/verify). */
  readonly stage?: string;
  /** Positive errno that Xen would return. */
  readonly errno?: number;
  readonly section?: string;
  readonly symbol?: string;
  /** Byte offset in the file, or in the section where one is named. */
  readonly offset?: bigint;
  readonly expected?: string;
  readonly actual?: string;
  /** Only where it was asked for: see `explained` in core/use. */
  readonly explanation?: Explanation;
}

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

/** A broken promise of this program's own: never the fault of an input. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
}

/** Makes the compiler prove that a switch is exhaustive. */
export function assertNever(value: never): never {
  throw new InternalError(`unexpected value ${JSON.stringify(value)}`);
}
