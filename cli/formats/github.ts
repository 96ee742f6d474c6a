import { type CheckRun, findingsOfRun } from '../../core/check/index.js';
import { CATALOGUE } from '../../core/findings/index.js';
import type { FormatContext } from './context.js';
import { fileOf } from './place.js';

const WEIGHT = { error: 0, warning: 1, note: 2 } as const;
const COMMAND = { error: 'error', warning: 'warning', note: 'notice' } as const;

/**
 * Workflow commands for GitHub's log, which makes annotations of them. It shows ten of each weight a step, so
 * that the worst come first; the job summary has all. What is waived is left out.
 */
export function githubOf(run: CheckRun, { placeOf }: FormatContext): string {
  return findingsOfRun(run)
    .filter(({ finding }) => finding.waiver === undefined)
    .sort((a, b) => WEIGHT[a.finding.severity] - WEIGHT[b.finding.severity])
    .map((one) => {
      const { target, finding } = one;
      const file = fileOf(one);
      const where = target === null || run.targets.length === 1 ? '' : ` (${target.target})`;
      const properties = [
        ...(file === null ? [] : [`file=${property(placeOf(file))}`, `line=${finding.line ?? 1}`]),
        `title=${property(`${CATALOGUE[finding.code].title}${where}`)}`,
      ];
      const text = [finding.message, finding.hint].filter((part) => part !== undefined);
      return `::${COMMAND[finding.severity]} ${properties.join(',')}::${data(`${text.join('\n')} [${finding.code}]`)}`;
    })
    .join('\n');
}

/** As @actions/core escapes what stands behind the second pair of colons (command.ts, escapeData). */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** The same for a property (escapeProperty). */
function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
