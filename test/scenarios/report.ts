/** What the agent in dom0 says of a scenario: one JSON document behind this mark. */
const REPORT_MARK = '@@report ';

/** What the agent says right before Xen is to die. */
export const DEATH_MARK = '@@dies now';

/** What came of a scenario. */
export interface Report {
  readonly ms: number;
  /** Why it failed; absent when it passed. */
  readonly error?: string;
  /** Figures worth showing. */
  readonly notes: readonly string[];
}

export function formatReport(report: Report): string {
  return `${REPORT_MARK}${JSON.stringify(report)}`;
}

/** The report among the lines of an answer; null where there is none. */
export function reportIn(lines: readonly string[]): Report | null {
  const line = lines.findLast((text) => text.startsWith(REPORT_MARK));
  return line === undefined ? null : (JSON.parse(line.slice(REPORT_MARK.length)) as Report);
}
