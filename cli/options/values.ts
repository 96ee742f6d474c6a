import { usage } from '../usage.js';
import {
  DEFINITIONS,
  type OPTIONS,
  type OptionDefinition,
  type OptionName,
} from './definitions.js';
import type { Line } from './parse.js';

type CamelCase<Name extends string> = Name extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : Name;

type ValueOf<Definition> = Definition extends { readonly choices: readonly (infer Choice)[] }
  ? Choice
  : Definition extends { readonly isMany: true }
    ? readonly string[]
    : Definition extends { readonly value: string }
      ? string | null
      : boolean;

/**
 * All options of all commands, `dry-run` as `dryRun`: text or null, true or false, a choice, or all texts of
 * one that may be repeated. What was not given, or is none of the command's, has its default.
 */
export type OptionValues = {
  readonly [Name in OptionName as CamelCase<Name>]: ValueOf<(typeof OPTIONS)[Name]>;
};

/** Reads what the parser made of the options. Fails with `usage` where a value is missing or no choice. */
export function optionValues({ options }: Pick<Line, 'options'>): OptionValues {
  const entries = DEFINITIONS.map(([name, definition]) => [
    name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
    readValue(name, definition, options[name]),
  ]);
  return Object.fromEntries(entries) as OptionValues;
}

function readValue(name: OptionName, definition: OptionDefinition, given: unknown): unknown {
  const { choices, value, isMany } = definition;
  if (isMany) {
    const texts = given === undefined ? [] : [given].flat();
    if (given !== undefined && (texts.length === 0 || texts.includes(''))) {
      throw usage(`--${name} needs a value: --${name} ${value}`);
    }
    return texts.map(String);
  }
  if (choices !== undefined) {
    if (given === undefined) return choices[0];
    const choice = choices.find((known) => known === given);
    if (choice !== undefined) return choice;
    const typed = given === '' || Array.isArray(given) ? '' : `; it is ${JSON.stringify(given)}`;
    throw usage(`--${name} takes one of ${choices.join(', ')}${typed}`);
  }
  if (value === undefined) return given === true;
  if (given === undefined) return null;
  if (Array.isArray(given)) throw usage(`--${name} takes one value; ${given.length} were given`);
  if (typeof given !== 'string' || given === '') {
    throw usage(`--${name} needs a value: --${name} ${value}`);
  }
  return given;
}
