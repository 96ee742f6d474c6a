import { XspliceError } from '../core/findings/index.js';
import { CHECKS, type Check } from './checks.js';

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
  /** `--on` of which and record: payload files, in the order of application. */
  readonly on: readonly string[];
  /** `--output` of record. */
  readonly output: string | null;
  /** `--expect` of record. */
  readonly expect: boolean;
  /** `--running` of lockstep: all that runs here. */
  readonly running: boolean;
  /** `--root` of lockstep: a tree of files. */
  readonly root: string | null;
  /** `--as` of lockstep: what the host is. */
  readonly as: string | null;
  readonly nodeps: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly keepGoing: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Explain each finding: what Xen checks, where, since when, how to mend it. */
  readonly explain: boolean;
  /** False for --no-color. */
  readonly color: boolean;
  /** Milliseconds; null is Xen's own default of 30. */
  readonly timeoutMs: number | null;
}

/** What positional arguments are called in the help; a command has one of these, or none. */
export const POSITIONALS = ['FILE', 'PATH', 'NAME', 'WHAT', 'CODE'] as const;
export type Positional = (typeof POSITIONALS)[number];

/** Longest timeout: Xen takes nanoseconds in 32 bits. */
const MAX_TIMEOUT_MS = 4294;

/** Reads what the parser made of the command line. Fails with `usage` (exit code 64). */
export function settingsFrom(argv: Readonly<Record<string, unknown>>): Settings {
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
    on: Array.isArray(argv['on']) ? argv['on'].map(String) : [],
    output: text('output'),
    expect: flag('expect'),
    running: flag('running'),
    root: text('root'),
    as: text('as'),
    nodeps: flag('nodeps'),
    dryRun: flag('dry-run'),
    yes: flag('yes'),
    keepGoing: flag('keep-going'),
    json: flag('json'),
    quiet: flag('quiet'),
    verbose: flag('verbose'),
    explain: flag('explain'),
    color: argv['color'] !== false,
    timeoutMs: timeoutFrom(text('timeout')),
  };
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
