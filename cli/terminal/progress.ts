import type { ProgressEvent } from '../../core/change/index.js';
import { escapeName } from './escape.js';
import type { Screen } from './screen.js';

/** Nothing is said of work that is over this soon. */
const PATIENCE_MS = 500;

/**
 * Says on standard error what is being done, once it takes longer than half a second: in one line that is written
 * over, on a terminal that can do so, and nowhere else.
 */
export class Progress {
  readonly #screen: Screen;
  readonly #isSilent: boolean;
  readonly #start = performance.now();

  constructor(screen: Screen, isSilent: boolean) {
    this.#screen = screen;
    this.#isSilent = isSilent;
  }

  readonly report = ({ kind, step, index, total, attempt }: ProgressEvent): void => {
    if (this.#isSilent || kind === 'end') return;
    if (performance.now() - this.#start < PATIENCE_MS) return;
    const what = kind === 'undo' ? `taking back: ${step.action}` : step.action;
    const again = kind === 'retry' ? `, busy, try ${(attempt ?? 0) + 1}` : '';
    this.#screen.passingLine(`${index + 1}/${total} ${what} ${escapeName(step.name)}${again}`);
  };

  /** Removes what is left of it on a terminal. */
  end(): void {
    this.#screen.endPassingLine();
  }
}
