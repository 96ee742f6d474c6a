import type { Screen } from './screen.js';

/** Nothing is said of work that is over this soon. */
const PATIENCE_MS = 500;
/** Often enough for the eye. */
const BETWEEN_MS = 100;

/**
 * Says on standard error what is being done, once it takes longer than half a second: in one line that is written
 * over, on a terminal that can do so, and nowhere else.
 */
export class Progress {
  readonly #screen: Screen;
  readonly #isSilent: boolean;
  readonly #start = performance.now();
  #last = 0;

  constructor(screen: Screen, isSilent: boolean) {
    this.#screen = screen;
    this.#isSilent = isSilent || !screen.style.canOverwrite;
  }

  /** What is done from now on. */
  say(text: string): void {
    if (this.#isSilent || performance.now() - this.#start < PATIENCE_MS) return;
    this.#screen.passingLine(text);
  }

  /** For work of many small parts: how much of it is done. Of calls that follow soon, some are passed over. */
  readonly share = (what: string, done: number, total: number): void => {
    if (this.#isSilent || performance.now() - this.#last < BETWEEN_MS) return;
    this.#last = performance.now();
    this.say(`${what}: ${Math.floor((100 * done) / Math.max(total, 1))} %`);
  };

  /** Removes what is left of it on a terminal. */
  end(): void {
    this.#screen.endPassingLine();
  }
}
