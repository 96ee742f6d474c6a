import { Chalk } from 'chalk';
import { asciiText, isAsciiOnly } from './charset.js';
import { escapeText } from './escape.js';
import type { Streams, TextStream } from './streams.js';

/** What a stream can show, and how. Without colour each way to mark a text returns it as it is. */
export interface Style {
  /** Columns of the terminal; null where lines may have any length. */
  readonly columns: number | null;
  /** Only ASCII is shown as it is. */
  readonly isAscii: boolean;
  /** A line can be written over. */
  readonly canOverwrite: boolean;
  /** Foreign text as it will be shown: a terminal obeys nothing of it, and what is as wide as it says. */
  text(text: string): string;
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
}

/**
 * Stands before each code that a style makes, until the text is written. Nothing foreign knows it, so no
 * file can bring codes of its own.
 */
const KEY = Math.random().toString(36).slice(2).padEnd(12, '0');

/** A code of a style as it stands in text; what is captured is the code for the terminal. */
export const MARK = `\u001b${KEY}(\\[\\d+m)`;

/** Columns of a terminal that does not tell, such as a serial console. */
const USUAL_COLUMNS = 80;
/** Ours: nothing can be laid out in fewer. */
const LEAST_COLUMNS = 20;

/** Style for a stream. `wanted` is false for --no-color. */
export function createStyle(
  stream: Pick<TextStream, 'isTTY' | 'columns'>,
  wanted: boolean,
  environment: Streams['env'],
): Style {
  const chalk = new Chalk({ level: wanted && hasColor(stream, environment) ? 1 : 0 });
  const isAscii = isAsciiOnly(stream, environment);
  return {
    columns: columnsOf(stream, environment),
    isAscii,
    canOverwrite: stream.isTTY === true && !isDumb(environment),
    text: isAscii ? (text) => asciiText(escapeText(text)) : escapeText,
    bold: marking(chalk.bold),
    dim: marking(chalk.dim),
    good: marking(chalk.green),
    bad: marking(chalk.red),
    warn: marking(chalk.yellow),
  };
}

function marking(paint: (text: string) => string): (text: string) => string {
  const [start = '', end = ''] = paint('|').replaceAll('\u001b', `\u001b${KEY}`).split('|');
  return (text) => (text === '' ? '' : `${start}${text}${end}`);
}

/** NO_COLOR (no-color.org) wins, then FORCE_COLOR, then whether it is a terminal. */
function hasColor(stream: Pick<TextStream, 'isTTY'>, environment: Streams['env']): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  const force = environment['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  return stream.isTTY === true && !isDumb(environment);
}

/** A terminal that obeys nothing but line breaks. */
function isDumb(environment: Streams['env']): boolean {
  return environment['TERM'] === 'dumb';
}

function columnsOf(
  { isTTY, columns }: Pick<TextStream, 'isTTY' | 'columns'>,
  environment: Streams['env'],
): number | null {
  if (isTTY !== true) return null;
  const told = columns || Number(environment['COLUMNS']) || USUAL_COLUMNS;
  // A dumb one may go on to the next line at a character in the last column already.
  return Math.max(told - (isDumb(environment) ? 1 : 0), LEAST_COLUMNS);
}
