import { nameText } from '../../core/abi/payload-name.js';
import { counted } from '../../core/findings/index.js';
import type {
  CodeDifference,
  ComparedBytes,
  FunctionComparison,
  GuardReport,
  ListedInstruction,
} from '../../core/oldcode/index.js';
import { escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';

/**
 * What a guard compared, function by function; with `verbose` those that are equal as well, and for each
 * that differs both codes side by side.
 */
export function renderGuard(report: GuardReport, style: Style, verbose: boolean): string {
  const title = style.bold(`Guard    ${report.guard}`);
  const rows = report.payloads.map(({ name, passes, by, needsNodeps, functions }) => [
    { text: nameText(name), paint: style.bold },
    passes
      ? {
          text: `passes by ${by.join(' and ')}${needsNodeps ? ', with NODEPS' : ''}`,
          paint: style.good,
        }
      : { text: 'does not pass', paint: style.bad },
    functions
      .filter(({ comparison }) => verbose || comparison.result !== 'equal')
      .map(comparisonText)
      .join('; '),
  ]);
  const lines = rows.length === 0 ? [title] : [title, renderTable(rows, style, { indent: '  ' })];
  if (verbose) {
    for (const { differences } of report.payloads) {
      lines.push(...differences.map((difference) => renderDifference(difference, style)));
    }
  }
  return lines.join('\n');
}

/** The same for programs. */
export function guardFields(report: GuardReport | null): Readonly<Record<string, unknown>> | null {
  if (report === null) return null;
  const payloads = report.payloads.map(({ name, findings: _, ...rest }) => {
    return { ...rest, name: nameText(name) };
  });
  return { check: report.guard, payloads };
}

function comparisonText({ name, comparison }: FunctionComparison): string {
  switch (comparison.result) {
    case 'equal': {
      const { functions, unknownEdges, basis } = comparison;
      const how =
        basis === 'record' ? 'as recorded' : `by build-ids, ${comparedText(comparison.compared)}`;
      const open = unknownEdges === 0 ? '' : `, ${counted(unknownEdges, 'call')} not followed`;
      return `${name}: ${counted(functions, 'function')} equal ${how}${open}`;
    }
    case 'differs':
      return `${name} differs through ${comparison.path.join(' → ')}`;
    case 'unknown':
      return `${name}: not known, ${comparedText(comparison.compared)}`;
  }
}

function comparedText({ bytes, of }: ComparedBytes): string {
  return `${bytes} of ${of} bytes compared`;
}

function renderDifference(difference: CodeDifference, style: Style): string {
  const { function: name, owner, isLeftExpected, lines } = difference;
  const left = isLeftExpected ? 'expected' : "the hypervisor's original";
  const right = owner === null ? 'now' : `now, in ${nameText(owner)}`;
  const plain = (text: string): string => text;
  const rows: readonly (readonly (string | Cell)[])[] = [
    ['', { text: left, paint: style.dim }, { text: right, paint: style.dim }],
    ...lines.map(({ isEqual, expected, actual }): readonly Cell[] => [
      { text: isEqual ? ' ' : '≠', paint: style.bad },
      { text: instructionText(expected), paint: isEqual ? plain : style.good },
      { text: instructionText(actual), paint: isEqual ? plain : style.bad },
    ]),
  ];
  return `${style.bold(escapeText(name))}\n${renderTable(rows, style, { indent: '  ' })}`;
}

function instructionText(instruction: ListedInstruction | null): string {
  if (instruction === null) return '';
  const { text, refersTo } = instruction;
  return refersTo === null ? text : `${text} <${refersTo}>`;
}
