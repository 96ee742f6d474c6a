import type { ExitCode } from '../exit-code.js';

/** How much a finding weighs: an error stops the work, a warning and a note do not. */
export type Severity = 'error' | 'warning' | 'note';

/** Why something is refused, fatal or dangerous, and what to do about it: what --explain shows. */
export interface Explanation {
  /** What Xen or this program checks there, or what happens. One to three sentences. */
  readonly what: string;
  /** Functions of Xen and their files. Empty for what Xen does not look at. */
  readonly where: readonly string[];
  /** Releases of Xen, backports included: when it began and what changed. Absent where Xen has no part. */
  readonly since?: string;
  /** How to mend the payload, or what to do instead. */
  readonly mend: string;
}

/** A stage of Xen's loader or of its actions: a finding names it as `stage`, never as its code. */
export interface StageEntry extends Explanation {
  /** A few words, e.g. for a heading. */
  readonly title: string;
}

/** A code that a finding or an error has. */
export interface CatalogueEntry extends StageEntry {
  /** Of a finding with this code, as a rule: some weigh less in places that can go on without. */
  readonly severity: Severity;
  /** Of the process, where the code ends a command. Absent: 1. */
  readonly exitCode?: ExitCode;
}

/** Entries by their codes: the codes are known to the compiler, their words are not repeated in its declarations. */
export function entries<Code extends string>(
  part: Readonly<Record<Code, CatalogueEntry>>,
): Readonly<Record<Code, CatalogueEntry>> {
  return part;
}
