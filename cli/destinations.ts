import { resolve } from 'node:path';
import type { CommandName, HiddenName } from './options/commands.js';
import type { OPTIONS } from './options/definitions.js';
import type { Settings } from './settings.js';
import { usage } from './usage.js';

export type Format = (typeof OPTIONS)['format']['choices'][number];

/** What every command can write, but those below; the first one is what it writes unasked. */
export const COMMON_FORMATS: readonly Format[] = ['human', 'json'];
const CHECKED_FORMATS: readonly Format[] = [
  ...COMMON_FORMATS,
  ...(['sarif', 'junit', 'gitlab', 'github', 'markdown'] as const),
];
const FORMATS_OF: Readonly<Partial<Record<Typed, readonly Format[]>>> = {
  check: CHECKED_FORMATS,
  rehearse: CHECKED_FORMATS,
  graph: ['svg', 'dot'],
  status: ['human', 'json', 'prometheus'],
};
/** Commands that make a file of their own: --output without FORMAT says where. */
const MAKERS: readonly Typed[] = ['plan', 'record', 'report'];

/** A command as it was typed, those that are not for people included. */
type Typed = CommandName | HiddenName;

/** A file that something is written to, and in which format. */
export interface Destination {
  readonly format: Format;
  readonly file: string;
}

/** Where what a command says goes. */
export interface Destinations {
  /** Of standard output. */
  readonly format: Format;
  readonly destinations: readonly Destination[];
  /** What a command that makes a file of its own makes; null where none was named. */
  readonly ownFile: string | null;
}

/**
 * What --format, --json and --output come to. A file without FORMAT takes what --format says, and leaves standard
 * output to people. Fails with `usage`.
 */
export function destinationsOf(
  command: Typed,
  { format: named, json, output, given }: Pick<Settings, 'format' | 'json' | 'output' | 'given'>,
): Destinations {
  if (json && given.includes('format') && named !== 'json') {
    throw usage(`--json is --format json, and --format ${named} was given`, 'Use one of them.');
  }
  const formats = FORMATS_OF[command] ?? COMMON_FORMATS;
  const format = json ? 'json' : given.includes('format') ? named : (formats[0] ?? named);
  if (!formats.includes(format)) throw foreignFormat(command, format, formats);
  const files = output.map((word) => parseDestination(word, formats));
  const plain = files.filter((one) => one.format === null);
  if (plain.length > 1) {
    throw usage(
      `${plain.length} files are named with --output, and no format`,
      'Say which gets which: --output FORMAT=FILE.',
    );
  }
  if (new Set(files.map(({ file }) => resolve(file))).size < files.length) {
    throw usage('--output names one file twice', 'Each format needs a file of its own.');
  }
  const isMaker = MAKERS.includes(command);
  const written = files.filter((one) => one.format !== null || !isMaker);
  return {
    format: plain.length > 0 && !isMaker ? 'human' : format,
    destinations: written.map(({ file, format: own }) => ({ file, format: own ?? format })),
    ownFile: isMaker ? (plain[0]?.file ?? null) : null,
  };
}

/**
 * Reads [FORMAT=]FILE. A word of letters before the first `=` is meant as a format: a file that is called so is
 * given as `./a=b`.
 */
function parseDestination(
  text: string,
  formats: readonly Format[],
): { readonly format: Format | null; readonly file: string } {
  const match = /^([A-Za-z][A-Za-z-]*)=(.*)$/s.exec(text);
  if (match === null) return { format: null, file: text };
  const [, word, file = ''] = match;
  const format = formats.find((name) => name === word);
  if (format !== undefined && file !== '') return { format, file };
  throw usage(
    `--output takes [FORMAT=]FILE; it is ${JSON.stringify(text)}`,
    `FORMAT is one of ${formats.join(', ')}. A file with = in its name is given as ./NAME.`,
  );
}

function foreignFormat(command: Typed, format: Format, formats: readonly Format[]) {
  return usage(`${command} writes no ${format}`, `It writes ${formats.join(' and ')}.`);
}
