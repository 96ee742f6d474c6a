/** What a run of the program reads from and writes to. `process` fits it; a test gives its own. */
export interface Streams {
  /** Where questions are answered. */
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Data. Whoever makes the streams hears of its errors: a write never throws. */
  readonly stdout: TextStream;
  /** Everything else, questions included. */
  readonly stderr: TextStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onSignal: OnSignal;
}

export type TextStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  /** Absent where it is no terminal. */
  readonly columns?: number;
};

/**
 * From now on, signals that would end the process do not: their names are told instead. Returns what ends
 * that.
 */
export type OnSignal = (listener: (name: string) => void) => () => void;
