import type { CommandName } from './options/commands.js';
import type { Line } from './options/parse.js';
import { refuseForeign } from './options/refuse.js';
import { type Settings, settingsFrom } from './settings.js';
import { Output } from './terminal/output.js';
import type { Streams } from './terminal/streams.js';

/** One run of a command: what was typed, and where its output goes. */
export interface Session {
  readonly command: CommandName;
  readonly settings: Settings;
  readonly output: Output;
  /** For questions, signals and the environment; output goes through `output`. */
  readonly streams: Streams;
}

/** Fails with `usage` where what was typed makes no sense. */
export function openSession(command: CommandName, line: Line, streams: Streams): Session {
  refuseForeign(command, line);
  const settings = settingsFrom(line);
  return { command, settings, output: new Output(settings, streams), streams };
}
