import { Parser } from 'yargs/helpers';
import { DEFINITIONS } from './definitions.js';

/** What was typed, split up and not judged. */
export interface Line {
  /** The first word; null where there is none. */
  readonly command: string | null;
  /** The words behind it, those behind `--` last. */
  readonly words: readonly string[];
  /** What options were given by their long names, known ones and others, with what the parser made of it. */
  readonly options: Readonly<Record<string, unknown>>;
}

const NAMES = DEFINITIONS.map(([name]) => name);
const namesOf = (test: (definition: (typeof DEFINITIONS)[number][1]) => boolean) =>
  DEFINITIONS.filter(([, definition]) => test(definition)).map(([name]) => name);
const takesValue = ({ value, choices }: (typeof DEFINITIONS)[number][1]) =>
  value !== undefined || choices !== undefined;

const GRAMMAR = {
  key: Object.fromEntries(NAMES.map((name) => [name, true])),
  alias: Object.fromEntries(
    DEFINITIONS.flatMap(([name, { alias }]) => (alias === undefined ? [] : [[name, [alias]]])),
  ),
  boolean: namesOf((definition) => !takesValue(definition)),
  string: namesOf(takesValue),
  array: namesOf(({ isMany }) => isMany === true),
  configuration: {
    // One word is one value, and names are what was typed.
    'boolean-negation': false,
    'camel-case-expansion': false,
    'dot-notation': false,
    'greedy-arrays': false,
    'parse-numbers': false,
    'parse-positional-numbers': false,
    'populate--': true,
    'strip-aliased': true,
  },
};

/** Splits a command line. Options stand where one likes, before the command too; `--` ends them. */
export function parseLine(args: readonly string[]): Line {
  const { _: before, '--': after = [], ...options } = Parser([...args], GRAMMAR);
  const [command = null, ...words] = [...before, ...after].map(String);
  return { command, words, options };
}
