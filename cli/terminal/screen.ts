import { asciiText } from './charset.js';
import type { TextStream } from './streams.js';
import { MARK, type Style } from './style.js';
import { UNSAFE, visible } from './unsafe.js';
import stringWidth from './width.js';
import { wrapLine } from './wrap.js';

const MARK_OR_UNSAFE = new RegExp(`${MARK}|(?!\n)${UNSAFE.source}`, 'gu');
// biome-ignore lint/suspicious/noControlCharactersInRegex: the codes of a style begin with one.
const CODE = /\u001b\[\d+m/g;

/**
 * The only way to a stream. Whatever is written, a terminal is told nothing but text, line breaks and the
 * codes of a style: a view that forgets to escape does no harm.
 */
export class Screen {
  readonly style: Style;
  readonly #stream: TextStream;
  #isLineOpen = false;

  constructor(stream: TextStream, style: Style) {
    this.#stream = stream;
    this.style = style;
  }

  /** Text for people: a line that is too long for a terminal is broken between words. */
  line(text: string): void {
    const { columns } = this.style;
    const shown = this.#shown(text);
    const lines = columns === null ? shown : wrapped(shown, columns);
    this.#stream.write(`${lines}\n`);
  }

  /** Text for programs, which goes on as it is. */
  document(text: string): void {
    this.#stream.write(`${safeText(text)}\n`);
  }

  /** One line that the next one is written over; nothing where a line cannot be written over. */
  passingLine(text: string): void {
    const { canOverwrite, columns } = this.style;
    if (!canOverwrite) return;
    this.#stream.write(`\r\u001b[K${cut(this.#shown(text), (columns ?? 80) - 1)}`);
    this.#isLineOpen = true;
  }

  /** Removes the line that is to be written over. */
  endPassingLine(): void {
    if (this.#isLineOpen) this.#stream.write('\r\u001b[K');
    this.#isLineOpen = false;
  }

  #shown(text: string): string {
    const safe = safeText(text);
    return this.style.isAscii ? asciiText(safe) : safe;
  }
}

function wrapped(text: string, columns: number): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, columns, shownWidth))
    .join('\n');
}

/** Without the codes of a style. */
function shownWidth(text: string): number {
  return stringWidth(text.replace(CODE, ''));
}

/** Its beginning, where it is too long: a line that goes on in the next one cannot be written over. */
function cut(text: string, columns: number): string {
  if (shownWidth(text) <= columns) return text;
  const characters = [...text.replace(CODE, '')];
  while (shownWidth(characters.join('')) > columns - 3) characters.pop();
  return `${characters.join('')}...`;
}

/** What may be written: see Screen. */
export function safeText(text: string): string {
  return text.replace(MARK_OR_UNSAFE, (found: string, code: string | undefined) =>
    code === undefined ? visible(found) : `\u001b${code}`,
  );
}

/** The same without the codes of a style. */
export function plainText(text: string): string {
  return safeText(text.replace(new RegExp(MARK, 'g'), ''));
}
