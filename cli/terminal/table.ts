import { escapeText } from './escape.js';
import stringWidth from './width.js';

/** A cell: its text, which the table escapes, and how to mark it. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

/** Rows in columns two spaces apart. The last cell of a row is not padded. */
export function renderTable(rows: readonly (readonly (string | Cell)[])[], indent = ''): string {
  const cells = rows.map((row) =>
    row.map((cell) => {
      const { text, paint } = typeof cell === 'string' ? { text: cell, paint: undefined } : cell;
      const shown = escapeText(text);
      return { shown, paint, width: stringWidth(shown) };
    }),
  );
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach(({ width }, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width);
    });
  }
  return cells
    .map((row) =>
      row
        .map(({ shown, paint, width }, column) => {
          const gap = column === row.length - 1 ? 0 : (widths[column] ?? 0) - width;
          return `${paint ? paint(shown) : shown}${' '.repeat(gap)}`;
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${indent}${line}`)
    .join('\n');
}
