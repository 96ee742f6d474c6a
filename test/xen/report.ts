/** What the dom0 reports: one JSON document a line, each behind this mark. */
export const REPORT_MARK = '@@report ';

export type Report =
  /** Names of the scenarios that will run, in order. */
  | { readonly kind: 'planned'; readonly names: readonly string[] }
  | { readonly kind: 'started'; readonly name: string }
  | {
      readonly kind: 'finished';
      readonly name: string;
      readonly ms: number;
      /** Why it does not apply to this release. */
      readonly skipped?: string;
      /** Why it failed; absent when it passed. */
      readonly error?: string;
      /** Figures worth showing. */
      readonly notes: readonly string[];
    };

/** The report in a line of the result port, or null for any other line. */
export function parseReport(line: string): Report | null {
  if (!line.startsWith(REPORT_MARK)) return null;
  return JSON.parse(line.slice(REPORT_MARK.length)) as Report;
}
