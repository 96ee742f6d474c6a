import { type Settings, settingsFrom, type Writes } from './settings.js';
import { Output } from './terminal/output.js';
import type { Streams } from './terminal/streams.js';

/** One run of a command: what was typed, and where its output goes. */
export interface Session {
  /** Its name. */
  readonly command: string;
  readonly settings: Settings;
  readonly output: Output;
  /** For questions, signals and the environment; output goes through `output`. */
  readonly streams: Streams;
}

/** Fails with `usage` where what was typed makes no sense. */
export function openSession(
  command: string,
  argv: Readonly<Record<string, unknown>>,
  streams: Streams,
  writes?: Writes,
): Session {
  const settings = settingsFrom(argv, writes);
  return { command, settings, output: new Output(settings, streams), streams };
}
