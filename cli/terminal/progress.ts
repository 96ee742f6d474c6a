import type { ProgressEvent } from '../../core/change/index.js';
import { escapeName } from './escape.js';

/** Nothing is said of work that is over this soon. */
const PATIENCE_MS = 500;

/**
 * Says on standard error what is being done, once it takes longer than half a second: on a terminal in
 * one line that is written over, elsewhere a line at most every half second.
 */
export class Progress {
  readonly #isSilent: boolean;
  #last = performance.now();
  #wrote = false;

  constructor(isSilent: boolean) {
    this.#isSilent = isSilent;
  }

  readonly report = ({ kind, step, index, total, attempt }: ProgressEvent): void => {
    if (this.#isSilent || kind === 'end') return;
    const isTerminal = process.stderr.isTTY === true;
    const now = performance.now();
    if (now - this.#last < PATIENCE_MS && !(isTerminal && this.#wrote)) return;
    if (!isTerminal) this.#last = now;
    const what = kind === 'undo' ? `taking back: ${step.action}` : step.action;
    const again = kind === 'retry' ? `, busy, try ${(attempt ?? 0) + 1}` : '';
    const text = `${index + 1}/${total} ${what} ${escapeName(step.name)}${again}`;
    process.stderr.write(isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
    this.#wrote = true;
  };

  /** Removes what is left of it on a terminal. */
  end(): void {
    if (this.#wrote && process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}
