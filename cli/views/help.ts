import {
  COMMAND_NAMES,
  COMMANDS,
  type CommandEntry,
  type CommandName,
  type Example,
} from '../options/commands.js';
import {
  DEFINITIONS,
  helpOf,
  type OptionDefinition,
  optionsOf,
  valueName,
} from '../options/definitions.js';
import { EXIT_MEANINGS, type ExitName } from '../options/exit-codes.js';
import { commandOf } from '../options/refuse.js';
import { renderTerms, wrap } from '../terminal/wrap.js';

/** Wider lines are harder to read than wrapped ones. */
const MAX_WIDTH = 100;

/** The help of a command, or with null of the program; fails with `usage` where there is no such command. */
export function helpText(command: string | null, columns = MAX_WIDTH): string {
  const width = Math.min(columns, MAX_WIDTH);
  return command === null ? programHelp(width) : commandHelp(commandOf({ command }), width);
}

function programHelp(width: number): string {
  return [
    'xsplice-ts COMMAND …',
    wrap('Live-patch payloads for Xen: check, plan, apply, revert.', width),
    `Commands\n${renderTerms(
      COMMAND_NAMES.map((name) => [name, COMMANDS[name].about]),
      width,
    )}`,
    `Options of all commands\n${renderTerms(
      DEFINITIONS.filter(
        ([name, { commands }]) => name === 'version' || commands === COMMAND_NAMES,
      ).map(([name, definition]) => [optionTerm(name, definition), definition.help]),
      width,
    )}`,
    wrap('xsplice-ts help COMMAND has the rest.', width),
    exitCodes(Object.keys(EXIT_MEANINGS) as ExitName[], width),
    wrap('Environment: XSPLICE_HOST, NO_COLOR, FORCE_COLOR.', width),
  ].join('\n\n');
}

function commandHelp(name: CommandName, width: number): string {
  const { about, words, examples, exits }: CommandEntry = COMMANDS[name];
  const what: readonly (readonly [string, string])[] =
    words === null ? [] : [[words.name, words.help]];
  const options = optionsOf(name).map(
    ([option, definition]) =>
      [optionTerm(option, definition, name), helpOf(definition, name)] as const,
  );
  return [
    usageLines(name)
      .map((line) => wrap(line, width - 4).replaceAll('\n', '\n    '))
      .join('\n'),
    wrap(about, width),
    ...(what.length === 0 ? [] : [renderTerms(what, width)]),
    `Options\n${renderTerms(options, width)}`,
    `Examples\n${examples.map((example) => exampleLines(example, width)).join('\n')}`,
    exitCodes(exits, width),
  ].join('\n\n');
}

function exampleLines([line, purpose]: Example, width: number): string {
  return `${wrap(`xsplice-ts ${line}`, width, '  ')}\n${wrap(purpose, width, ' '.repeat(6))}`;
}

function exitCodes(names: readonly ExitName[], width: number): string {
  const meanings = names.map((name) => [name, EXIT_MEANINGS[name]] as const);
  return `Exit codes\n${renderTerms(meanings, width)}`;
}

/** The ways to type a command. */
export function usageLines(name: CommandName): readonly string[] {
  const { synopses }: CommandEntry = COMMANDS[name];
  return (synopses.length === 0 ? [''] : synopses).map((synopsis) =>
    `xsplice-ts ${name} ${synopsis}`.trimEnd(),
  );
}

/** How an option is typed, in this command: `-o, --output FILE`. */
export function optionTerm(
  name: string,
  definition: OptionDefinition,
  command: CommandName | null = null,
): string {
  const value = valueName(definition, command);
  const short = definition.alias === undefined ? '' : `-${definition.alias}, `;
  return `${short}--${name}${value === null ? '' : ` ${value}`}`;
}
