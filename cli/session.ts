import { destinationsOf } from './destinations.js';
import { type CommandName, HIDDEN, type HiddenName } from './options/commands.js';
import type { Line } from './options/parse.js';
import { refuseForeign } from './options/refuse.js';
import { type Settings, settingsFrom } from './settings.js';
import { Output } from './terminal/output.js';
import type { Streams } from './terminal/streams.js';

/** One run of a command: what was typed, and where its output goes. */
export interface Session {
  readonly command: CommandName | HiddenName;
  readonly settings: Settings;
  /** The file that the command itself writes; null where --output names none. */
  readonly ownFile: string | null;
  readonly output: Output;
  /** For questions, signals and the environment; output goes through `output`. */
  readonly streams: Streams;
}

/** Fails with `usage` where what was typed makes no sense. */
export function openSession(
  command: CommandName | HiddenName,
  line: Line,
  streams: Streams,
): Session {
  if (!isHidden(command)) refuseForeign(command, line);
  const settings = settingsFrom(line);
  const { ownFile, ...where } = destinationsOf(command, settings);
  const output = new Output({ ...settings, ...where }, streams);
  return { command, settings, ownFile, output, streams };
}

function isHidden(command: CommandName | HiddenName): command is HiddenName {
  return HIDDEN.some((name) => name === command);
}
