import { COMMAND_NAMES, COMMANDS, type CommandEntry } from '../cli/options/commands.js';
import { DEFINITIONS, type OptionDefinition } from '../cli/options/definitions.js';
import { EXIT_MEANINGS, type ExitName } from '../cli/options/exit-codes.js';
import { optionTerm } from '../cli/views/help.js';

/** The table of exit codes, in Markdown. */
export function exitTable(): string {
  return table(['Exit code', 'Meaning'], Object.entries(EXIT_MEANINGS));
}

/** Which command can end with which exit code. */
export function exitsOfCommands(): string {
  const codes = Object.keys(EXIT_MEANINGS) as ExitName[];
  const rows = COMMAND_NAMES.map((name) => {
    const { exits }: CommandEntry = COMMANDS[name];
    return [code(name), ...codes.map((exit) => (exits.includes(exit) ? exit : ''))];
  });
  return table(['Command', ...codes.map(() => '')], rows);
}

/** The commands, in Markdown. */
export function commandTable(): string {
  const commands = COMMAND_NAMES.map((name) => {
    const { synopses, about }: CommandEntry = COMMANDS[name];
    const ways = synopses.length === 0 ? [name] : synopses.map((text) => `${name} ${text}`);
    return [ways.map(code).join(' or '), about];
  });
  return table(['Command', 'What it does'], commands);
}

/** All options, in Markdown. */
export function optionTable(): string {
  const options = DEFINITIONS.map(([name, definition]) => [
    code(optionTerm(name, definition)),
    takersOf(definition),
    meaningOf(definition),
  ]);
  return table(['Option', 'Commands', 'What it does'], options);
}

/** Each command with its examples. */
export function examplesOfCommands(): string {
  return COMMAND_NAMES.map((name) => {
    const { about, examples }: CommandEntry = COMMANDS[name];
    const lines = examples.map(([line, purpose]) => `# ${purpose}\nxsplice-ts ${line}`);
    return `### ${name}\n\n${about}\n\n\`\`\`sh\n${lines.join('\n')}\n\`\`\``;
  }).join('\n\n');
}

function takersOf({ commands }: OptionDefinition): string {
  const isOfAll = commands === COMMAND_NAMES || commands.length === 0;
  return isOfAll ? 'all' : COMMAND_NAMES.filter((name) => commands.includes(name)).join(', ');
}

/** What it does, and in which commands something else. */
function meaningOf({ help, helpOf = {} }: OptionDefinition): string {
  const others = Object.entries(helpOf).map(([command, other]) => `${command}: ${other}`);
  return [help, ...others].join('. ');
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
