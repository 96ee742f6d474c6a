import type { Settings } from '../settings.js';
import { renderJson } from '../views/json.js';
import { createStyle, type Style } from './style.js';

/** Version of every JSON document that the commands write. */
export const FORMAT_VERSION = 1;

/** Where a command's output goes: data to standard output, everything else to standard error. */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** For standard output. */
  readonly style: Style;
  /** For standard error. */
  readonly noteStyle: Style;

  constructor(settings: Pick<Settings, 'json' | 'quiet' | 'verbose' | 'color'>) {
    this.json = settings.json;
    this.quiet = settings.quiet;
    this.verbose = settings.verbose;
    this.style = createStyle(process.stdout, settings.color);
    this.noteStyle = createStyle(process.stderr, settings.color);
  }

  /** What the command was run for. Left out under --json, where the document says it. */
  data(text: string): void {
    if (!this.json && text !== '') process.stdout.write(`${text}\n`);
  }

  /** What may be left out by --quiet. */
  info(text: string): void {
    if (!this.quiet) this.data(text);
  }

  /** The one document of --json; nothing without it. */
  document(fields: Readonly<Record<string, unknown>>): void {
    if (this.json) {
      process.stdout.write(`${renderJson({ formatVersion: FORMAT_VERSION, ...fields })}\n`);
    }
  }
}
