import { type Finding, finding } from '../findings/index.js';

/** Takes a finding about the file being read, and returns it with the file's name and a hint in it. */
export type Report = (finding: Finding) => Finding;

/** A report that collects, and the findings collected so far. */
export function collectFindings(file: string): {
  readonly report: Report;
  readonly findings: readonly Finding[];
} {
  const findings: Finding[] = [];
  const report: Report = (found) => {
    const located = finding(found.code, { ...found, file });
    findings.push(located);
    return located;
  };
  return { report, findings };
}
