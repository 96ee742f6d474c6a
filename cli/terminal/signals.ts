import type { WhileHeard } from './streams.js';

/** Signals that ask the process to end, and its exit code once it did so in order: 128 and the number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Does work while these signals only abort it; the reason is the first one's name. */
export const whileSignalsHeard: WhileHeard = async (work) => {
  const stop = new AbortController();
  const names = Object.keys(EXIT_CODES);
  const onSignal = (name: string) => stop.abort(name);
  for (const name of names) process.on(name, onSignal);
  try {
    return await work(stop.signal);
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
};

/** The exit code of what was stopped in order; null where it was by no signal of these. */
export function exitCodeOf({ reason }: AbortSignal): number | null {
  const code = Object.entries(EXIT_CODES).find(([name]) => name === reason)?.[1];
  return code ?? null;
}
