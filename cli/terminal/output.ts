import type { Finding } from '../../core/findings/index.js';
import type { Settings } from '../settings.js';
import { renderFindings } from '../views/findings.js';
import { renderJson } from '../views/json.js';
import { Screen } from './screen.js';
import type { Streams } from './streams.js';
import { createStyle, type Style } from './style.js';

/** Version of every JSON document that the commands write. */
export const FORMAT_VERSION = 1;

/** Where a command's output goes: data to standard output, everything else to standard error. */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Standard error. */
  readonly notes: Screen;
  readonly #data: Screen;

  constructor(
    settings: Pick<Settings, 'json' | 'quiet' | 'verbose' | 'noColor'>,
    { stdout, stderr, env }: Pick<Streams, 'stdout' | 'stderr' | 'env'>,
  ) {
    this.json = settings.json;
    this.quiet = settings.quiet;
    this.verbose = settings.verbose;
    this.notes = new Screen(stderr, createStyle(stderr, !settings.noColor, env));
    this.#data = new Screen(stdout, createStyle(stdout, !settings.noColor, env));
  }

  /** For standard output. */
  get style(): Style {
    return this.#data.style;
  }

  /** What the command was run for. Left out under --json, where the document says it. */
  data(text: string): void {
    if (!this.json && text !== '') this.#data.line(text);
  }

  /** What may be left out by --quiet. */
  info(text: string): void {
    if (!this.quiet) this.data(text);
  }

  /** Of findings, --quiet leaves out the notes only. */
  findings(found: readonly Finding[]): void {
    const shown = this.quiet ? found.filter(({ severity }) => severity !== 'note') : found;
    this.data(renderFindings(shown, this.style));
  }

  /** The one document of --json; nothing without it. */
  document(fields: Readonly<Record<string, unknown>>): void {
    if (this.json) this.#data.line(renderJson({ formatVersion: FORMAT_VERSION, ...fields }));
  }
}
