import type { TargetReport } from '../../core/check/index.js';
import { type Finding, finding } from '../../core/findings/index.js';
import { matcher } from '../../core/inputs/index.js';
import type { WaiverConfig } from './config.js';

/** The reports with their waivers, and what is wrong with the waivers themselves. */
export interface Waived {
  readonly targets: readonly TargetReport[];
  readonly findings: readonly Finding[];
}

/** What waivers are compared with. */
export interface WaiverContext {
  /** The configuration, where the waivers stand. */
  readonly file: string;
  /** YYYY-MM-DD, UTC. */
  readonly today: string;
  /** A payload as the waivers name it: relative to the configuration. */
  readonly placeOf: (file: string) => string;
  /** False where only some payloads were checked: then one without a hazard says nothing. */
  readonly isComplete: boolean;
}

/**
 * Marks the hazards that are let pass; they stay in the reports, and count for nothing. One that has expired lets
 * nothing pass and is an error; one that found nothing is a warning.
 */
export function applyWaivers(
  targets: readonly TargetReport[],
  waivers: readonly WaiverConfig[],
  { file, today, placeOf, isComplete }: WaiverContext,
): Waived {
  const tests = waivers.map((waiver) => ({ waiver, isMeant: matcher(waiver.file) }));
  const used = new Set<WaiverConfig>();
  const marked = targets.map((target): TargetReport => {
    const findings = target.report.findings.map((found): Finding => {
      const fitting = tests.find(
        ({ waiver, isMeant }) =>
          waiver.code === found.code &&
          (waiver.target ?? target.target) === target.target &&
          found.file !== undefined &&
          isMeant(placeOf(found.file)),
      );
      if (fitting === undefined) return found;
      const { reason, expires } = fitting.waiver;
      used.add(fitting.waiver);
      return isOver(fitting.waiver, today) ? found : { ...found, waiver: { reason, expires } };
    });
    return { ...target, report: { ...target.report, findings } };
  });
  const findings = waivers.flatMap((waiver): readonly Finding[] => {
    const { code, file: of, expires, line } = waiver;
    const what = `${file}:${line}: The waiver of ${code} for ${of}`;
    if (isOver(waiver, today)) {
      return [
        finding('waiver-expired', { file, line, message: `${what} counted until ${expires}` }),
      ];
    }
    if (used.has(waiver) || !isComplete) return [];
    return [finding('waiver-unused', { file, line, message: `${what} lets nothing pass` })];
  });
  return { targets: marked, findings };
}

/** Days as text sort as days do. */
function isOver({ expires }: WaiverConfig, today: string): boolean {
  return expires < today;
}
