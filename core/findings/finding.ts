import {
  CATALOGUE,
  type CatalogueEntry,
  type Code,
  type Explanation,
  type Severity,
} from './catalogue/index.js';

/** Why a finding is let pass, as the configuration of a check says. */
export interface Waiver {
  readonly reason: string;
  /** Last day on which it counts, as YYYY-MM-DD. */
  readonly expires: string;
}

/**
 * Something that was found out about an input, as a value. Checks return findings; they never throw
 * them. The code is stable and part of the CLI's contract, the message is for people.
 */
export interface Finding {
  readonly code: Code;
  readonly severity: Severity;
  /** One sentence that holds both values: the one found and the one expected. */
  readonly message: string;
  /** What to do next. */
  readonly hint?: string;
  /** The file it was found in, as the caller named it. */
  readonly file?: string;
  /** The name of the payload it is about, as a host has it or would. */
  readonly payload?: string;
  /** True where it would stop the work and was let pass: it weighs as a warning then. */
  readonly accepted?: true;
  /** Other files that take part, e.g. the second of two duplicates. */
  readonly otherFiles?: readonly string[];
  /** The stage of Xen's loader that would refuse (see core/verify). */
  readonly stage?: string;
  /** Positive errno that Xen would return. */
  readonly errno?: number;
  readonly section?: string;
  readonly symbol?: string;
  /** Of a text file, from 1. */
  readonly line?: number;
  /** Byte offset in the file, or in the section where one is named. */
  readonly offset?: bigint;
  readonly expected?: string;
  readonly actual?: string;
  /** Only of a hazard that somebody looked at and lets pass: it is shown, and counts for nothing. */
  readonly waiver?: Waiver;
  /** Only where it was asked for: see `explained`. */
  readonly explanation?: Explanation;
}

/** A finding that weighs, and is mended, as the catalogue says where `detail` does not say otherwise. */
export function finding(
  code: Code,
  detail: Omit<Finding, 'code' | 'severity'> & Partial<Pick<Finding, 'severity'>>,
): Finding {
  const { severity, mend }: CatalogueEntry = CATALOGUE[code];
  return { code, severity, hint: mend, ...detail };
}
