import type { TextStream } from './streams.js';
import { MARK, type Style } from './style.js';
import { UNSAFE, visible } from './unsafe.js';

const MARK_OR_UNSAFE = new RegExp(`${MARK}|${UNSAFE.source}`, 'gu');

/**
 * The only way to a stream. Whatever is written, a terminal is told nothing but text, line breaks and the
 * codes of a style: a view that forgets to escape does no harm.
 */
export class Screen {
  readonly style: Style;
  readonly isTerminal: boolean;
  readonly #stream: TextStream;
  #isLineOpen = false;

  constructor(stream: TextStream, style: Style) {
    this.#stream = stream;
    this.style = style;
    this.isTerminal = stream.isTTY === true;
  }

  line(text: string): void {
    this.#stream.write(`${safeText(text)}\n`);
  }

  /** One line that the next one is written over, where this is a terminal. */
  passingLine(text: string): void {
    if (this.isTerminal) this.#stream.write(`\r\u001b[K${safeText(text)}`);
    else this.line(text);
    this.#isLineOpen = this.isTerminal;
  }

  /** Removes the line that is to be written over. */
  endPassingLine(): void {
    if (this.#isLineOpen) this.#stream.write('\r\u001b[K');
    this.#isLineOpen = false;
  }
}

/** What may be written: see Screen. */
export function safeText(text: string): string {
  return text.replace(MARK_OR_UNSAFE, (found: string, code: string | undefined) => {
    if (code !== undefined) return `\u001b${code}`;
    return found === '\n' ? found : visible(found);
  });
}

/** The same without the codes of a style. */
export function plainText(text: string): string {
  return safeText(
    text.replace(MARK_OR_UNSAFE, (found: string, code: string | undefined) =>
      code === undefined ? found : '',
    ),
  );
}
