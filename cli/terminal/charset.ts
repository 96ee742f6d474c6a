import type { Streams, TextStream } from './streams.js';

/** Our own signs, as ASCII has them. */
const IN_ASCII: Readonly<Record<string, string>> = {
  '·': '-',
  '…': '...',
  '→': '->',
  '≠': '!',
  '├': '|',
  '└': '`',
  '│': '|',
  '─': '-',
};

/**
 * True where a stream is to get ASCII only: the locale (LC_ALL, LC_CTYPE, LANG, the first that is set) has no UTF-8. Where
 * none is set a terminal has ASCII, as POSIX says; a file or a pipe has UTF-8.
 */
export function isAsciiOnly(
  { isTTY }: Pick<TextStream, 'isTTY'>,
  environment: Streams['env'],
): boolean {
  const settings = ['LC_ALL', 'LC_CTYPE', 'LANG'].map((name) => environment[name] ?? '');
  const locale = settings.find((value) => value !== '');
  if (locale === undefined) return isTTY === true;
  return !/utf-?8/i.test(locale);
}

/** The same text in ASCII: our signs as letters would have them, any other character as `\u{…}`. */
export function asciiText(text: string): string {
  return text.replace(
    /[^\p{ASCII}]/gu,
    (character) => IN_ASCII[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
