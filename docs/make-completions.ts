import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CHANGE_VERBS,
  COMMAND_NAMES,
  COMMANDS,
  type CommandEntry,
  type CommandName,
  type Words as CommandWords,
} from '../cli/options/commands.js';
import {
  DEFINITIONS,
  OPTIONS,
  type OptionDefinition,
  type OptionName,
  valueName,
} from '../cli/options/definitions.js';
import { takenBy } from '../cli/options/refuse.js';
import { CATALOGUE, isDanger, STAGES } from '../core/findings/index.js';

/** What a shell proposes: words that are known beforehand, and kinds that it looks up (file, host, loaded). */
interface Proposals {
  readonly words: readonly string[];
  readonly kinds: readonly string[];
}

/** How a shell sets a variable to a list of plain words. */
type Assign = (name: string, words: readonly string[]) => string;

const inBash: Assign = (name, words) => `${name}='${words.join(' ')}'`;
const inZsh: Assign = (name, words) => `${name}=(${words.join(' ')})`;

/** The completion for bash. `root` is the repository's folder. */
export function bashCompletion(root: string): string {
  return filled(root, 'xsplice-ts.bash', inBash);
}

/** The completion for zsh. */
export function zshCompletion(root: string): string {
  return filled(root, '_xsplice-ts', inZsh);
}

function filled(root: string, file: string, assign: Assign): string {
  const options = (names: readonly OptionName[]) => assign('options', names.flatMap(spellings));
  const proposals = ({ words, kinds }: Proposals) =>
    [
      ...(words.length === 0 ? [] : [assign('list', words)]),
      ...(kinds.length === 0 ? [] : [assign('kinds', kinds)]),
    ].join(' ');
  const blanks: Readonly<Record<string, string>> = {
    COMMANDS: COMMAND_NAMES.join(' '),
    ABOUT_COMMANDS: COMMAND_NAMES.map(
      (name) => `    ${quoted(`${name}:${COMMANDS[name].about.replaceAll(':', '\\:')}`)}`,
    ).join('\n'),
    ABOUT_OPTIONS: DEFINITIONS.flatMap(([name, { help }]) =>
      spellings(name).map((spelling) => `    ${spelling} ${quoted(help)}`),
    ).join('\n'),
    WITH_VALUE: DEFINITIONS.filter(([, definition]) => valueName(definition) !== null)
      .flatMap(([name]) => spellings(name))
      .join(' | '),
    VALUES: arms(valueArms(), proposals, 6),
    OPTIONS: arms(optionArms(), options, 6),
    PLAN_OPTIONS: arms(planArms(), options, 10),
    WORDS: arms(wordArms(), proposals, 6),
  };
  const template = readFileSync(join(root, 'docs', 'templates', file), 'utf8');
  return template.replace(/@([A-Z_]+)@/g, (_, name: string) => {
    const text = blanks[name];
    if (text === undefined) throw new Error(`${file} has the unknown blank @${name}@`);
    return text;
  });
}

type Arms<T> = readonly (readonly [pattern: string, value: T])[];

function arms<T>(all: Arms<T>, render: (value: T) => string, indent: number): string {
  return all
    .map(([pattern, value]) => `${' '.repeat(indent)}${pattern}) ${render(value)} ;;`)
    .join('\n');
}

function valueArms(): Arms<Proposals> {
  return DEFINITIONS.flatMap(([name, definition]) => {
    const proposals = proposalsOfOption(name, definition);
    const isEmpty = proposals.words.length === 0 && proposals.kinds.length === 0;
    return isEmpty ? [] : [[spellings(name).join(' | '), proposals] as const];
  });
}

function proposalsOfOption(name: OptionName, { choices, proposals }: OptionDefinition): Proposals {
  if (choices !== undefined) return { words: choices, kinds: [] };
  if (name === 'host') return { words: [], kinds: ['host'] };
  return proposalsOf(proposals ?? []);
}

function optionArms(): Arms<readonly OptionName[]> {
  const common = takenBy('list', []).taken.filter((name) => name !== 'host');
  return [
    ["''", ['host', ...common, 'version']],
    ...COMMAND_NAMES.filter((name) => name !== 'plan').map(
      (name) => [name, takenBy(name, []).taken] as const,
    ),
  ];
}

function planArms(): Arms<readonly OptionName[]> {
  return [
    ...CHANGE_VERBS.map((verb) => [verb, takenBy('plan', [verb]).taken] as const),
    ['*', takenBy('plan', []).taken] as const,
  ];
}

function wordArms(): Arms<Proposals> {
  const own = COMMAND_NAMES.map((name) => [name, proposalsOf(wordProposals(name))] as const);
  const planned = CHANGE_VERBS.map(
    (verb) => [`'plan ${verb}'`, proposalsOf(wordProposals(verb))] as const,
  );
  const help = { words: COMMAND_NAMES, kinds: [] };
  return [
    ...own.filter(([, { words, kinds }]) => words.length + kinds.length > 0),
    ...planned,
    ["'plan '*", proposalsOf(['file'])],
    ['help', help],
  ];
}

function wordProposals(name: CommandName): CommandWords['proposals'] {
  const { words }: CommandEntry = COMMANDS[name];
  return words?.proposals ?? [];
}

function proposalsOf(all: NonNullable<OptionDefinition['proposals']>): Proposals {
  const kinds: string[] = [];
  const words: string[] = [];
  for (const proposal of all) {
    if (typeof proposal === 'object') words.push(proposal.text);
    else if (proposal === 'file' || proposal === 'loaded') kinds.push(proposal);
    else words.push(...WORDS[proposal]);
  }
  return { words, kinds };
}

const WORDS: Readonly<Record<'code' | 'danger' | 'verb', readonly string[]>> = {
  code: [...Object.keys(CATALOGUE), ...Object.keys(STAGES)].sort(),
  danger: Object.keys(CATALOGUE).filter(isDanger).sort(),
  verb: CHANGE_VERBS,
};

/** `--dry-run` and `-n`. */
function spellings(name: OptionName): readonly string[] {
  const { alias }: OptionDefinition = OPTIONS[name];
  return [`--${name}`, ...(alias === undefined ? [] : [`-${alias}`])];
}

/** Text that a shell takes as one word. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
