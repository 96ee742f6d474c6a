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
  /** Only where it was asked for: see `explained` in core/verify/explain. */
  readonly explanation?: Explanation;
}
