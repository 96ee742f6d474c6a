import { type CheckRun, findingsOfRun } from '../../core/check/index.js';
import type { Finding } from '../../core/findings/index.js';
import type { FormatContext } from './context.js';
import { fileOf, fingerprints } from './place.js';

/**
 * GitLab's code quality report: what it documents of Code Climate's format, an array. It knows no waivers, so
 * that what is waived is left out; so is what is about no file.
 */
export function gitlabOf(
  run: CheckRun,
  { placeOf }: FormatContext,
): readonly Readonly<Record<string, unknown>>[] {
  const found = findingsOfRun(run);
  const prints = fingerprints(found, placeOf);
  return found.flatMap((one, index) => {
    const { target, finding } = one;
    const file = fileOf(one);
    if (file === null || finding.waiver !== undefined) return [];
    const where = target === null || run.targets.length === 1 ? '' : `${target.target}: `;
    return [
      {
        description: `${where}${finding.message}`,
        check_name: finding.code,
        fingerprint: prints[index],
        severity: severityOf(finding),
        location: { path: placeOf(file), lines: { begin: finding.line ?? 1 } },
      },
    ];
  });
}

function severityOf({ code, severity }: Finding): 'info' | 'minor' | 'critical' | 'blocker' {
  if (severity === 'note') return 'info';
  if (severity === 'warning') return 'minor';
  return code.startsWith('would-be-fatal') ? 'blocker' : 'critical';
}
