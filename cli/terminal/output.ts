import type { Finding } from '../../core/findings/index.js';
import type { Destination, Destinations, Format } from '../destinations.js';
import { writeReport } from '../files.js';
import type { Settings } from '../settings.js';
import { thisTool } from '../tool.js';
import { renderFindings } from '../views/findings.js';
import { renderJson } from '../views/json.js';
import { plainText, Screen, safeText } from './screen.js';
import type { Streams } from './streams.js';
import { createStyle, type Style } from './style.js';

/** Version of every JSON document that the commands write. */
export const FORMAT_VERSION = 1;

/** What an output is made from. */
export type OutputSettings = Pick<Settings, 'quiet' | 'verbose' | 'noColor'> &
  Pick<Destinations, 'format' | 'destinations'>;

/**
 * Where a command's output goes: data to standard output in one format, and to files in any; everything else
 * to standard error.
 */
export class Output {
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Standard error. */
  readonly notes: Screen;
  /** What standard output gets. */
  readonly format: Format;
  readonly #data: Screen;
  readonly #destinations: readonly Destination[];
  /** What files get, by format. */
  readonly #texts = new Map<Format, string>();

  constructor(
    { format, destinations, quiet, verbose, noColor }: OutputSettings,
    { stdout, stderr, env }: Pick<Streams, 'stdout' | 'stderr' | 'env'>,
  ) {
    this.format = format;
    this.quiet = quiet;
    this.verbose = verbose;
    this.notes = new Screen(stderr, createStyle(stderr, !noColor, env));
    this.#data = new Screen(stdout, createStyle(stdout, !noColor, env));
    this.#destinations = destinations;
  }

  /** For standard output. */
  get style(): Style {
    return this.#data.style;
  }

  /** True where people read standard output: progress is shown, questions are asked. */
  get isForPeople(): boolean {
    return this.format === 'human';
  }

  /** True where standard output or a file is to have this format. */
  wants(format: Format): boolean {
    return this.format === format || this.#isFiled(format);
  }

  #isFiled(format: Format): boolean {
    return this.#destinations.some((one) => one.format === format);
  }

  /** What the command was run for, for people. */
  data(text: string): void {
    if (text === '') return;
    if (this.isForPeople) this.#data.line(text);
    if (this.#isFiled('human')) {
      this.#texts.set('human', `${this.#texts.get('human') ?? ''}${plainText(text)}\n`);
    }
  }

  /** What may be left out by --quiet. Whose an answer is may not: the host stands above what is told of it. */
  info(text: string): void {
    if (!this.quiet) this.data(text);
  }

  /** Of findings, --quiet leaves out the notes only. It left out `about` before, such as the host: that comes first. */
  findings(found: readonly Finding[], about = ''): void {
    const shown = this.quiet ? found.filter(({ severity }) => severity !== 'note') : found;
    if (this.quiet && shown.length > 0) this.data(about);
    this.data(renderFindings(shown, this.style));
  }

  /** The one document of --format json; nothing where nobody wants it. */
  document(fields: Readonly<Record<string, unknown>>, formatVersion = FORMAT_VERSION): void {
    if (!this.wants('json')) return;
    this.report('json', renderJson({ formatVersion, tool: thisTool(), ...fields }));
  }

  /** All of what a format has to say, once a run: to standard output, to files, or both. */
  report(format: Format, text: string): void {
    if (this.format === format && text !== '') this.#data.document(text);
    this.#texts.set(format, text === '' ? '' : `${safeText(text)}\n`);
  }

  /** Writes the files, each in one step. Fails with `file-not-writable`, `not-a-file`. */
  async end(): Promise<void> {
    for (const { file, format } of this.#destinations) {
      await writeReport(file, this.#texts.get(format) ?? '');
    }
  }
}
