import { Chalk } from 'chalk';
import type { Streams, TextStream } from './streams.js';

/** Ways to mark text. Without colour each returns the text as it is. */
export interface Style {
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

/** Style for a stream. `wanted` is false for --no-color. */
export function createStyle(
  stream: Pick<TextStream, 'isTTY'>,
  wanted: boolean,
  environment: Streams['env'],
): Style {
  const chalk = new Chalk({ level: wanted && hasColor(stream, environment) ? 1 : 0 });
  return {
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
  return stream.isTTY === true && environment['TERM'] !== 'dumb';
}
