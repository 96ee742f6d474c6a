import type { OnSignal } from './streams.js';

/** Signals that ask the process to end, and its exit code once it did so in order: 128 and the number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export const onProcessSignal: OnSignal = (listener) => {
  const names = Object.keys(EXIT_CODES);
  for (const name of names) process.on(name, listener);
  return () => {
    for (const name of names) process.off(name, listener);
  };
};

/** The exit code of what a signal stopped in order; null where none of these did. */
export function exitCodeOf({ reason }: AbortSignal): number | null {
  return Object.entries(EXIT_CODES).find(([name]) => name === reason)?.[1] ?? null;
}
