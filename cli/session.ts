import { type Settings, settingsFrom } from './settings.js';
import { Output } from './terminal/output.js';

/** One run of a command: what was typed, and where its output goes. */
export interface Session {
  readonly settings: Settings;
  readonly output: Output;
}

/** Fails with `usage` where what was typed makes no sense. */
export function openSession(argv: Readonly<Record<string, unknown>>): Session {
  const settings = settingsFrom(argv);
  return { settings, output: new Output(settings) };
}
