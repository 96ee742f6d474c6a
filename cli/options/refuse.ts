import { alike, didYouMean } from '../../core/findings/index.js';
import { usage } from '../usage.js';
import {
  CHANGE_VERBS,
  COMMAND_NAMES,
  COMMANDS,
  type CommandEntry,
  type CommandName,
} from './commands.js';
import { OPTIONS, type OptionName, optionsOf } from './definitions.js';
import type { Line } from './parse.js';

/** The command that was meant. Fails with `usage` where it is missing, or none of ours. */
export function commandOf({
  command,
  options = {},
}: Pick<Line, 'command'> & Partial<Line>): CommandName {
  const known = COMMAND_NAMES.find((name) => name === command);
  if (known !== undefined) return known;
  // One that nobody knows may have swallowed the command.
  const strange = Object.keys(options).find((given) => !Object.hasOwn(OPTIONS, given));
  if (strange !== undefined) throw unknown('', strange, Object.keys(OPTIONS));
  if (command === null) throw usage('Say what to do: the command is missing');
  throw usage(
    `There is no command ${JSON.stringify(command)}`,
    `${didYouMean(alike(command, COMMAND_NAMES))}xsplice-ts help lists all commands.`,
  );
}

/** Fails with `usage` where the command does not take these options, or that many words. */
export function refuseForeign(name: CommandName, { words, options }: Line): void {
  const isPlanned = options['plan'] !== undefined;
  const { title, taken } = takenBy(name, words, isPlanned);
  for (const given of Object.keys(options)) {
    if (taken.includes(given as OptionName)) continue;
    throw Object.hasOwn(OPTIONS, given)
      ? foreign(title, given as OptionName)
      : unknown(name, given, taken);
  }
  const command: CommandEntry = COMMANDS[name];
  const [extra] = words;
  if (command.words === null && extra !== undefined) {
    throw usage(`${name} takes options only, and no ${JSON.stringify(extra)}`);
  }
  if (name === 'apply' && isPlanned) {
    if (extra === undefined) return;
    throw usage(`apply --plan takes no ${JSON.stringify(extra)}: the plan says what is done`);
  }
  if (words.length < (command.words?.min ?? 0)) {
    const ways = command.synopses.map((synopsis) => `${name} ${synopsis}`);
    throw usage(`${name} needs something to work on: ${ways.join(', or ')}`);
  }
}

/** What a saved plan says already. */
const PLANNED: readonly OptionName[] = ['check', 'mode', 'nodeps', 'accept'];

/**
 * The options that have an effect. `plan` takes those of its own that the planned verb has too, and `apply --plan` none
 * of what the plan says.
 */
export function takenBy(
  name: CommandName,
  [first]: readonly string[],
  isPlanned = false,
): { readonly title: string; readonly taken: readonly OptionName[] } {
  const own = optionsOf(name).map(([option]) => option);
  if (name === 'apply' && isPlanned) {
    return { title: 'apply --plan', taken: own.filter((option) => !PLANNED.includes(option)) };
  }
  if (name !== 'plan') return { title: name, taken: own };
  const verb = CHANGE_VERBS.find((known) => known === first);
  const planned = optionsOf(verb ?? 'apply').map(([option]) => option);
  return {
    title: verb === undefined ? name : `${name} ${verb}`,
    taken: own.filter((option) => planned.includes(option) || option === 'exit-code'),
  };
}

function foreign(title: string, option: OptionName) {
  const commands = COMMAND_NAMES.filter((name) =>
    optionsOf(name).some(([taken]) => taken === option),
  );
  return usage(
    `${title} takes no --${option}: it would have no effect`,
    `It is an option of ${commands.join(', ')}.`,
  );
}

function unknown(name: CommandName | '', given: string, taken: readonly string[]) {
  const near = alike(given, given.length === 1 ? [] : taken).map((option) => `--${option}`);
  const hint = name === '' ? 'help lists all commands' : `${name} --help lists all options`;
  return usage(
    `There is no option ${given.length === 1 ? '-' : '--'}${given}`,
    `${didYouMean(near)}xsplice-ts ${hint}.`,
  );
}
