import type { ProgressEvent } from '../../core/change/index.js';
import { escapeName } from './escape.js';
import type { Screen } from './screen.js';

/** Nothing is said of work that is over this soon. */
const PATIENCE_MS = 500;

/**
 * Says on standard error what is being done, once it takes longer than half a second: on a terminal in
 * one line that is written over, elsewhere a line at most every half second.
 */
export class Progress {
  readonly #screen: Screen;
  readonly #isSilent: boolean;
  #last = performance.now();
  #wrote = false;

  constructor(screen: Screen, isSilent: boolean) {
    this.#screen = screen;
    this.#isSilent = isSilent;
  }

  readonly report = ({ kind, step, index, total, attempt }: ProgressEvent): void => {
    if (this.#isSilent || kind === 'end') return;
    const { isTerminal } = this.#screen;
    const now = performance.now();
    if (now - this.#last < PATIENCE_MS && !(isTerminal && this.#wrote)) return;
    if (!isTerminal) this.#last = now;
    const what = kind === 'undo' ? `taking back: ${step.action}` : step.action;
    const again = kind === 'retry' ? `, busy, try ${(attempt ?? 0) + 1}` : '';
    this.#screen.passingLine(`${index + 1}/${total} ${what} ${escapeName(step.name)}${again}`);
    this.#wrote = true;
  };

  /** Removes what is left of it on a terminal. */
  end(): void {
    this.#screen.endPassingLine();
  }
}
