import { Chalk } from 'chalk';

/** Ways to mark text. Without colour each returns the text as it is. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
}

/** Style for a stream. `wanted` is false for --no-color. */
export function createStyle(
  stream: { readonly isTTY?: boolean },
  wanted: boolean,
  environment: NodeJS.ProcessEnv = process.env,
): Style {
  const chalk = new Chalk({ level: wanted && hasColor(stream, environment) ? 1 : 0 });
  return {
    bold: chalk.bold,
    dim: chalk.dim,
    good: chalk.green,
    bad: chalk.red,
    warn: chalk.yellow,
  };
}

/** NO_COLOR (no-color.org) wins, then FORCE_COLOR, then whether it is a terminal. */
function hasColor(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  const force = environment['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  return stream.isTTY === true && environment['TERM'] !== 'dumb';
}
