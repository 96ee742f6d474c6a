import { resolve } from 'node:path';
import { XspliceError } from '../core/findings/index.js';
import { CHECKS, type Check, FAIL_ON, type FailOn } from './checks.js';
import {
  CHECK_FORMATS,
  COMMON_FORMATS,
  type Destination,
  type Format,
  parseDestination,
} from './destinations.js';

/** What was typed, of all commands: an option that a command does not have keeps its default. */
export interface Settings {
  /** The positional arguments behind the command. */
  readonly words: readonly string[];
  readonly host: string | null;
  readonly image: string | null;
  readonly buildId: string | null;
  /** `--xen`: the release, as typed. */
  readonly xen: string | null;
  /** `--to` of revert. */
  readonly to: string | null;
  readonly check: Check;
  /** `--accept`, as typed. */
  readonly accept: readonly string[];
  /** `--fail-on` of check; null is `error`, or what the configuration says. */
  readonly failOn: FailOn | null;
  /** `--config` of check. */
  readonly config: string | null;
  /** `--target` of check. */
  readonly targets: readonly string[];
  /** `--since` of check. */
  readonly since: string | null;
  /** `--on` of which and record: payload files, in the order of application. */
  readonly on: readonly string[];
  /** `--output` without FORMAT, of a verb that writes a file of its own: record. */
  readonly output: string | null;
  /** What standard output gets; or the file of a destination without FORMAT, where there is one. */
  readonly format: Format;
  /** `--output`, but for a file of the verb's own. */
  readonly destinations: readonly Destination[];
  /** `--expect` of record. */
  readonly expect: boolean;
  readonly nodeps: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly keepGoing: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Explain each finding: what Xen checks, where, since when, how to mend it. */
  readonly explain: boolean;
  /** False for --no-color. */
  readonly color: boolean;
  /** Milliseconds; null is Xen's own default of 30. */
  readonly timeoutMs: number | null;
}

/** What a verb can write. */
export interface Writes {
  readonly formats: readonly Format[];
  /** True where --output without FORMAT is a file of the verb's own, in no such format. */
  readonly ownFile?: boolean;
}

/** What positional arguments are called in the help; a command has one of these, or none. */
export const POSITIONALS = ['FILE', 'PATH', 'NAME', 'WHAT', 'CODE'] as const;
export type Positional = (typeof POSITIONALS)[number];

/** Longest timeout: Xen takes nanoseconds in 32 bits. */
const MAX_TIMEOUT_MS = 4294;

/** Reads what the parser made of the command line. Fails with `usage` (exit code 64). */
export function settingsFrom(
  argv: Readonly<Record<string, unknown>>,
  writes: Writes = { formats: COMMON_FORMATS },
): Settings {
  const text = (name: string): string | null => {
    const value = argv[name];
    if (value === undefined) return null;
    if (typeof value !== 'string' || value === '') throw usage(`--${name} takes one value`);
    return value;
  };
  const flag = (name: string): boolean => argv[name] === true;
  const words = POSITIONALS.map((name) => argv[name]).find(Array.isArray);
  return {
    words: (words ?? []).map(String),
    host: text('host'),
    image: text('image'),
    buildId: text('build-id'),
    xen: text('xen'),
    to: text('to'),
    check: CHECKS.find((check) => check === argv['check']) ?? 'build-id',
    accept: Array.isArray(argv['accept']) ? argv['accept'].map(String) : [],
    failOn: FAIL_ON.find((severity) => severity === argv['fail-on']) ?? null,
    config: text('config'),
    targets: Array.isArray(argv['target']) ? argv['target'].map(String) : [],
    since: text('since'),
    on: Array.isArray(argv['on']) ? argv['on'].map(String) : [],
    ...outputFrom(argv, writes),
    expect: flag('expect'),
    nodeps: flag('nodeps'),
    dryRun: flag('dry-run'),
    yes: flag('yes'),
    keepGoing: flag('keep-going'),
    quiet: flag('quiet'),
    verbose: flag('verbose'),
    explain: flag('explain'),
    color: argv['color'] !== false,
    timeoutMs: timeoutFrom(text('timeout')),
  };
}

/** --format, --json and --output: see Output. */
function outputFrom(
  argv: Readonly<Record<string, unknown>>,
  { formats, ownFile = false }: Writes,
): Pick<Settings, 'output' | 'format' | 'destinations'> {
  const named = CHECK_FORMATS.find((format) => format === argv['format']);
  if (argv['json'] === true && named !== undefined && named !== 'json') {
    throw usage(`--json is --format json, and --format ${named} was given`, 'Use one of them.');
  }
  const format = argv['json'] === true ? 'json' : (named ?? 'human');
  const words = argv['output'] === undefined ? [] : [argv['output']].flat().map(String);
  const all = words.map((word) => {
    const destination = parseDestination(word);
    if (
      destination === null ||
      (destination.format !== null && !formats.includes(destination.format))
    ) {
      throw usage(
        `--output takes [FORMAT=]FILE; it is ${JSON.stringify(word)}`,
        `FORMAT is one of ${formats.join(', ')}. A file with = in its name is given as ./NAME.`,
      );
    }
    return destination;
  });
  const plain = all.filter((destination) => destination.format === null);
  if (plain.length > 1) {
    throw usage(
      `${plain.length} files are named with --output, and no format`,
      'Say which gets which: --output FORMAT=FILE.',
    );
  }
  const files = all.map(({ file }) => resolve(file));
  if (new Set(files).size < files.length) {
    throw usage('--output names one file twice', 'Each format needs a file of its own.');
  }
  if (!ownFile) return { output: null, format, destinations: all };
  const destinations = all.filter((destination) => destination.format !== null);
  return { output: plain[0]?.file ?? null, format, destinations };
}

/** A mistake in what was typed. */
export function usage(message: string, hint?: string): XspliceError {
  return new XspliceError('usage', message, hint === undefined ? {} : { hint });
}

function timeoutFrom(text: string | null): number | null {
  if (text === null) return null;
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value <= 0 || value > MAX_TIMEOUT_MS) {
    throw usage(
      `--timeout takes milliseconds above 0, at most ${MAX_TIMEOUT_MS}; it is ${JSON.stringify(text)}`,
      'It is the time for all CPUs to meet in one action; without it, Xen takes 30 ms.',
    );
  }
  return value;
}
