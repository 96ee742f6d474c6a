import type { Finding, Severity } from '../findings/index.js';
import type { CheckReport } from './check.js';
import type { FileVerdict } from './file-verdict.js';
import { isRejection, isUnknown } from './rejection.js';

/** What one of several hypervisors was asked about, and what came of it. */
export interface TargetReport {
  /** What the configuration calls it; without one, its image or build-id as it was typed. */
  readonly target: string;
  /** The file that stands for the hypervisor: its image; null where only its id is known. */
  readonly image: string | null;
  readonly report: CheckReport;
}

/** One run of check: payloads against one hypervisor or many. */
export interface CheckRun {
  readonly targets: readonly TargetReport[];
  /** Of no single hypervisor: what is wrong with the configuration, payloads that nobody has. */
  readonly findings: readonly Finding[];
  /** Targets of the configuration that were not asked about, by name. */
  readonly skipped: readonly string[];
}

/** A finding, and the hypervisor that it is about; null where it is about none of them. */
export interface RunFinding {
  readonly target: TargetReport | null;
  readonly finding: Finding;
}

/** How many there are of each. A finding that is waived counts as that only. */
export interface RunCounts {
  readonly targets: number;
  readonly payloads: number;
  readonly verdicts: number;
  readonly accepted: number;
  readonly refused: number;
  readonly fatal: number;
  readonly unreadable: number;
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
  readonly waived: number;
}

/** All findings of a run: those of no hypervisor first, then hypervisor by hypervisor. */
export function findingsOfRun({ targets, findings }: CheckRun): readonly RunFinding[] {
  return [
    ...findings.map((finding) => ({ target: null, finding })),
    ...targets.flatMap((target) => target.report.findings.map((finding) => ({ target, finding }))),
  ];
}

/** What findings come to: `unknown` where nothing is rejected, but something could not be found out. */
export type Standing = 'good' | 'rejected' | 'unknown';

export function standingOf(findings: readonly Finding[], failOn: Severity): Standing {
  const rejections = findings.filter((found) => isRejection(found, failOn));
  if (rejections.length === 0) return 'good';
  return rejections.every(isUnknown) ? 'unknown' : 'rejected';
}

/** The worst that any part of it comes to. */
export function standingOfRun({ targets, findings }: CheckRun): Standing {
  const all = [
    standingOf(findings, 'error'),
    ...targets.map(({ report }) => standingOf(report.findings, report.failOn)),
  ];
  return (['rejected', 'unknown'] as const).find((standing) => all.includes(standing)) ?? 'good';
}

/** What is to be said of a file: that it is applied in its chain, else what its upload alone answers. */
export function outcomeOf(verdict: FileVerdict): FileVerdict['outcome'] {
  return (verdict.inChain ?? verdict).outcome;
}

export function countsOf(run: CheckRun): RunCounts {
  const all = findingsOfRun(run).map(({ finding }) => finding);
  const open = all.filter(({ waiver }) => waiver === undefined);
  const verdicts = run.targets.flatMap(({ report }) => report.verdicts ?? []);
  const having = (outcome: FileVerdict['outcome']) =>
    verdicts.filter((verdict) => outcomeOf(verdict) === outcome).length;
  const weighing = (severity: Finding['severity']) =>
    open.filter((finding) => finding.severity === severity).length;
  return {
    targets: run.targets.length,
    payloads: new Set(run.targets.flatMap(({ report }) => report.files)).size,
    verdicts: verdicts.length,
    accepted: having('accepted'),
    refused: having('refused'),
    fatal: having('fatal'),
    unreadable: run.targets.reduce((sum, { report }) => sum + report.unreadable.length, 0),
    errors: weighing('error'),
    warnings: weighing('warning'),
    notes: weighing('note'),
    waived: all.length - open.length,
  };
}
