import { type CatalogueEntry, EXIT, type StageEntry } from '../../core/findings/index.js';
import type { Style } from '../terminal/style.js';
import { renderTable } from '../terminal/table.js';

/** A code or a stage with its entry in the catalogue. */
export type Entry =
  | { readonly name: string; readonly kind: 'code'; readonly entry: CatalogueEntry }
  | { readonly name: string; readonly kind: 'stage'; readonly entry: StageEntry };

/** All that the catalogue says. */
export function renderEntry(one: Entry, style: Style): string {
  const { title, what, where, since, mend } = one.entry;
  const lines = [
    `${style.bold(one.name)} ${style.dim(`[${kindText(one)}]`)} ${title}`,
    `what   ${what}`,
    ...(where.length === 0 ? [] : [`where  ${where.join(', ')}`]),
    ...(since === undefined ? [] : [`since  ${since}`]),
    `mend   ${mend}`,
  ];
  return lines.join('\n');
}

/** A line for each. */
export function renderEntries(all: readonly Entry[], style: Style): string {
  const head = ['CODE', 'KIND', 'MEANS'].map((text) => ({ text, paint: style.dim }));
  const rows = all.map((one) => [one.name, kindText(one), one.entry.title]);
  return renderTable([head, ...rows], style, { titles: 1 });
}

/** The same for programs. */
export function entryFields(one: Entry): Readonly<Record<string, unknown>> {
  const { title, what, where, since, mend } = one.entry;
  return {
    code: one.name,
    kind: one.kind,
    severity: one.kind === 'code' ? one.entry.severity : null,
    title,
    what,
    where,
    since: since ?? null,
    mend,
    exitCode: exitCodeOf(one),
  };
}

/** Of a command that the code ends; null where it ends none. A check that finds it ends with 3 all the same. */
function exitCodeOf(one: Entry): number | null {
  if (one.kind === 'stage' || one.entry.severity !== 'error') return null;
  return one.entry.exitCode ?? EXIT.failed;
}

function kindText(one: Entry): string {
  return one.kind === 'stage' ? 'stage of Xen' : one.entry.severity;
}
