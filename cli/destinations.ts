/**
 * What --format and --output take. A file of its own: the parser needs it, and must not load the formats.
 * Every verb has the first two.
 */
export const COMMON_FORMATS = ['human', 'json'] as const;
export const CHECK_FORMATS = [
  ...COMMON_FORMATS,
  'sarif',
  'junit',
  'gitlab',
  'github',
  'markdown',
] as const;

export type Format = (typeof CHECK_FORMATS)[number];

/** A file that something is written to, and in which format; null where it was not said. */
export interface Destination {
  readonly format: Format | null;
  readonly file: string;
}

/**
 * Reads [FORMAT=]FILE. A word of letters before the first `=` is meant as a format: a file that is called so is
 * given as `./a=b`. Null where there is no such format.
 */
export function parseDestination(text: string): Destination | null {
  const match = /^([A-Za-z][A-Za-z-]*)=(.*)$/s.exec(text);
  if (match === null) return text === '' ? null : { format: null, file: text };
  const [, word, file = ''] = match;
  const format = CHECK_FORMATS.find((name) => name === word);
  return format === undefined || file === '' ? null : { format, file };
}
