import {
  COMMAND_NAMES,
  COMMANDS,
  type CommandEntry,
  type CommandName,
} from '../cli/options/commands.js';
import {
  DEFINITIONS,
  type OptionDefinition,
  type OptionName,
  valueName,
} from '../cli/options/definitions.js';
import { EXIT_MEANINGS } from '../cli/options/exit-codes.js';
import { takenBy } from '../cli/options/refuse.js';
import { wrap } from '../cli/terminal/wrap.js';

/** Longest line of text in the source of a page. */
const MAX_LINE = 78;

const HEAD = `.\\" Made by npm run docs of cli/options: change it there.
.Dd November 26, 2026
.Dt XSPLICE-TS 8
.Os
.Sh NAME
.Nm xsplice-ts
.Nd live-patch payload manager for the Xen hypervisor
.Sh SYNOPSIS
.Nm
.Ar COMMAND
.Op Ar option ...
.Op Ar word ...
.Nm
.Cm help
.Op Ar COMMAND
.Sh DESCRIPTION
.Nm
checks live-patch payloads before Xen sees them, plans and shows what will
happen, applies, reverts and replaces them in the right order, and says
afterwards what is true.
An embedded hypervisor keeps the rules of Xen: to check, plan and try, no Xen
is needed.
.Pp
Options stand where one likes, before the command too;
.Fl \\&-
ends them.
A command refuses an option that would have no effect in it.
Data goes to standard output, everything else to standard error.
Before something is changed it is shown and asked about.`;

const ENVIRONMENT = `.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev XSPLICE_HOST
The hypervisor that is meant where there is no
.Fl \\&-host .
.It Ev NO_COLOR , FORCE_COLOR
No colour, or colour without a terminal.
.It Ev XDG_CACHE_HOME
Where the compiled program is kept.
.El`;

const FILES = `.Sh FILES
.Bl -tag -width Ds
.It Pa DIR/hypervisor.json , DIR/blobs
The state of an embedded hypervisor.
.It Pa /run/xsplice-ts
What Xen does not tell of what is loaded.
.El`;

const TAIL = `.Sh SEE ALSO
.Lk https://xenbits.xen.org/docs/unstable/misc/livepatch.html "Live patching of Xen"`;

/** The manual page, in mdoc. */
export function manualPage(): string {
  return `${[
    HEAD,
    '.Sh COMMANDS',
    '.Bl -tag -width Ds',
    ...COMMAND_NAMES.flatMap(commandLines),
    '.El',
    '.Sh OPTIONS',
    '.Bl -tag -width Ds',
    ...DEFINITIONS.flatMap(optionLines),
    '.El',
    ENVIRONMENT,
    FILES,
    '.Sh EXIT STATUS',
    '.Bl -tag -width Ds',
    ...Object.entries(EXIT_MEANINGS).flatMap(([code, meaning]) => [
      `.It ${code.replaceAll(', ', ' , ')}`,
      text(sentence(meaning)),
    ]),
    '.El',
    TAIL,
  ].join('\n')}\n`;
}

function commandLines(name: CommandName): readonly string[] {
  const { synopses, about, words, examples }: CommandEntry = COMMANDS[name];
  const ways = synopses.length === 0 ? [''] : synopses;
  return [
    ...ways.map((way) => `.It Cm ${name}${way === '' ? '' : ` No ${roff(way)}`}`),
    text(sentence(about)),
    ...(words === null ? [] : ['.Pp', `.Ar ${words.name} :`, text(sentence(words.help))]),
    '.Pp',
    'Options:',
    ...separated(takenBy(name, []).taken.map(longName)),
    '.Pp',
    ...examples.flatMap(([line, purpose]) => [
      text(`${sentence(purpose).slice(0, -1)}:`),
      `.Dl xsplice-ts ${roff(line)}`,
    ]),
  ];
}

function optionLines([name, definition]: readonly [
  OptionName,
  OptionDefinition,
]): readonly string[] {
  const { alias, help, helpOf = {}, valueIn = {} } = definition;
  const value = valueName(definition);
  const short = alias === undefined ? '' : `Fl ${alias} , `;
  return [
    `.It ${short}${longName(name)}${value === null ? '' : ` Ar ${roff(value)}`}`,
    text(sentence(help)),
    ...Object.entries(helpOf).flatMap(([command, other]) => [
      `.Cm ${command}${command in valueIn ? ` Ar ${roff(valueIn[command as CommandName] ?? '')}` : ''} :`,
      text(sentence(other)),
    ]),
  ];
}

function longName(name: string): string {
  return `Fl \\&-${name}`;
}

/** Macros in one line of text, with commas between them. */
function separated(macros: readonly string[]): readonly string[] {
  return macros.map((macro, index) => `.${macro}${index === macros.length - 1 ? ' .' : ' ,'}`);
}

function sentence(words: string): string {
  return /[.?]$/.test(words) ? words : `${words}.`;
}

/** Words as lines of text: a sentence a line, and none that is taken for a macro. */
function text(words: string): string {
  return roff(words)
    .split(/(?<=[.?]) (?=[A-Z])/)
    .map((line) => wrap(line, MAX_LINE))
    .join('\n')
    .replace(/^(?=['.])/gm, '\\&');
}

function roff(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('…', '...')
    .replaceAll('·', '-')
    .replaceAll('"', '\\(dq');
}
