import type { Style } from './style.js';
import stringWidth from './width.js';
import { fragmentsOf, wrapWithin } from './wrap.js';

/** A cell: its text, which the table escapes, and how to mark it. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

/** How a table stands on the screen. */
export interface TableLayout {
  /** Before each line. */
  readonly indent?: string;
  /**
   * The first row is a heading, and this many first cells say what a row is about: where columns are too narrow,
   * a row becomes a paragraph, which these cells begin.
   */
  readonly titles?: number;
}

type Row = readonly (string | Cell)[];

/** What is shown of a cell. */
interface Shown {
  readonly text: string;
  /** Columns that the text takes, measured once. */
  readonly width: number;
  readonly paint: (text: string) => string;
}

const GAP = 2;
/** Words that are longer may be broken behind a `/`, `_` and their like, where nothing else helps. */
const LONG_WORD = 12;
/** Ways to break cells, and the most lines that are still better to read than a paragraph. */
const WAYS = [
  { limit: Number.POSITIVE_INFINITY, most: 6 },
  { limit: LONG_WORD, most: 2 },
];

/**
 * Rows in columns two spaces apart. Where they are wider than the terminal, cells are broken at words; where that is
 * not enough, each row becomes a paragraph.
 */
export function renderTable(
  rows: readonly Row[],
  style: Style,
  { indent = '', titles = 0 }: TableLayout = {},
): string {
  const all = rows.map((row) => row.map((cell) => shownCell(cell, style)));
  const room = style.columns === null ? null : style.columns - indent.length;
  const isTooWide = (some: readonly (readonly Shown[])[]) =>
    room !== null && sum(widest(some, widthOf)) > room;
  const shown = titles > 0 && isTooWide(all) ? withoutEmpty(all) : all;
  const natural = widest(shown, widthOf);
  if (room === null || !isTooWide(shown)) return laidOut(shown, natural, indent);
  for (const { limit, most } of WAYS) {
    const least = widest(shown, ({ text }) =>
      Math.max(0, ...fragmentsOf(text, limit).map((part) => stringWidth(part.trimEnd()))),
    );
    const widths = narrowed(natural, least, room);
    if (widths === null) continue;
    const broken = shown.map((row) => brokenRow(row, widths, limit));
    if (broken.every((lines) => lines.length <= most)) {
      return laidOut(broken.flat(), widths, indent);
    }
  }
  return paragraphs(shown, titles, room)
    .split('\n')
    .map((line) => `${indent}${line}`)
    .join('\n');
}

function shownCell(cell: string | Cell, style: Style): Shown {
  const { text, paint = plain } = typeof cell === 'string' ? { text: cell, paint: plain } : cell;
  return shownText(style.text(text), paint);
}

function shownText(text: string, paint: Shown['paint']): Shown {
  return { text, width: stringWidth(text), paint };
}

function plain(text: string): string {
  return text;
}

function widthOf({ width }: Shown): number {
  return width;
}

/** Without columns that have nothing but a heading. */
function withoutEmpty(rows: readonly (readonly Shown[])[]): readonly (readonly Shown[])[] {
  const [, ...others] = rows;
  const used = new Set(others.flatMap((row) => row.flatMap(({ text }, at) => (text ? [at] : []))));
  return rows.map((row) => row.filter((_, column) => used.has(column)));
}

/** Of each column, the most that any of its cells measures. */
function widest(
  rows: readonly (readonly Shown[])[],
  measure: (cell: Shown) => number,
): readonly number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (let column = 0; column < row.length; column++) {
      const cell = row[column];
      const width = cell === undefined ? 0 : measure(cell);
      if (width >= (widths[column] ?? 0)) widths[column] = width;
    }
  }
  return widths;
}

function sum(widths: readonly number[]): number {
  return widths.reduce((all, width) => all + width, 0) + GAP * (widths.length - 1);
}

/** Widths that fit, taken from the widest columns first; null where that would break words. */
function narrowed(
  natural: readonly number[],
  least: readonly number[],
  room: number,
): readonly number[] | null {
  if (sum(least) > room) return null;
  const widths = [...natural];
  for (let excess = sum(widths) - room; excess > 0; excess--) {
    const spare = (column: number) => (widths[column] ?? 0) > (least[column] ?? 0);
    const wide = widths.reduce(
      (best, width, column) =>
        spare(column) && (best < 0 || width > (widths[best] ?? 0)) ? column : best,
      -1,
    );
    widths[wide] = (widths[wide] ?? 0) - 1;
  }
  return widths;
}

/** The lines of a row, each with all its cells. */
function brokenRow(
  row: readonly Shown[],
  widths: readonly number[],
  limit: number,
): readonly (readonly Shown[])[] {
  const cells = row.map(({ text, paint }, column) => ({
    paint,
    lines: wrapWithin(text, widths[column] ?? 0, limit),
  }));
  const height = Math.max(1, ...cells.map(({ lines }) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    cells.map(({ lines, paint }) => shownText(lines[line] ?? '', paint)),
  );
}

/** The last cell of a row is not padded. */
function laidOut(
  rows: readonly (readonly Shown[])[],
  widths: readonly number[],
  indent: string,
): string {
  return rows
    .map((row) => {
      let line = '';
      row.forEach(({ text, width, paint }, column) => {
        line += paint(text);
        if (column < row.length - 1) line += ' '.repeat((widths[column] ?? 0) - width + GAP);
      });
      return `${indent}${line.trimEnd()}`;
    })
    .join('\n');
}

/** A row as a paragraph: its titles, then each cell behind its heading; without headings, cell behind cell. */
function paragraphs(rows: readonly (readonly Shown[])[], titles: number, room: number): string {
  if (titles === 0) return rows.map((row) => flowing(row, room)).join('\n');
  const [heading = [], ...others] = rows;
  const labels = heading.map(({ text }) => text);
  const label = Math.max(0, ...labels.slice(titles).map(stringWidth));
  const indent = ' '.repeat(4);
  return others
    .flatMap((row) => [
      flowing(row.slice(0, titles), room),
      ...row.slice(titles).flatMap(({ text, paint }, index) => {
        if (text === '') return [];
        const name = (labels[titles + index] ?? '').padEnd(label);
        const [first = '', ...rest] = wrapWithin(text, room - indent.length - label - 1, LONG_WORD);
        const hang = ' '.repeat(label + 1);
        return [
          `${indent}${name} ${paint(first)}`.trimEnd(),
          ...rest.map((line) => `${indent}${hang}${paint(line)}`),
        ];
      }),
    ])
    .join('\n');
}

/** Cells behind one another, as many as a line has room for. */
function flowing(row: readonly Shown[], room: number): string {
  const hang = ' '.repeat(4);
  const lines: string[] = [];
  let line = '';
  let width = 0;
  const put = (text: string, paint: Shown['paint']) => {
    const needs = stringWidth(text);
    if (line !== '' && width + GAP + needs <= room) {
      line += `${' '.repeat(GAP)}${paint(text)}`;
      width += GAP + needs;
      return;
    }
    if (line !== '') lines.push(line);
    const before = lines.length === 0 && line === '' ? '' : hang;
    line = `${before}${paint(text)}`;
    width = before.length + needs;
  };
  for (const { text, paint } of row) {
    if (text === '') continue;
    for (const part of wrapWithin(text, room - hang.length, LONG_WORD)) put(part, paint);
  }
  return [...lines, line].join('\n');
}
