import { existsSync, readFileSync } from 'node:fs';
import yargs, { type Argv } from 'yargs';
import { COMMANDS, type CommandEntry } from './command-table.js';
import type { Streams } from './terminal/streams.js';

/** What was typed, once the parser found it to be well-formed. */
interface Choice {
  readonly entry: CommandEntry;
  readonly argv: Readonly<Record<string, unknown>>;
}

/** Does what these words say, and returns the exit code. Whatever fails is reported, not thrown. */
export async function runProgram(args: readonly string[], streams: Streams): Promise<number> {
  try {
    const choice = await parse(args, streams);
    if (choice === null) return 0;
    const [{ openSession }, command] = await Promise.all([
      import('./session.js'),
      choice.entry.load(),
    ]);
    return await command.run(openSession(nameOf(choice.entry), choice.argv, streams));
  } catch (error) {
    const { reportFailure } = await import('./failure.js');
    return reportFailure(error, args, streams);
  }
}

/** Null where it was --help or --version, which are done then. Usage errors are thrown. */
async function parse(args: readonly string[], { stdout }: Streams): Promise<Choice | null> {
  let choice: Choice | null = null;
  const choose = (entry: CommandEntry) => (argv: Choice['argv']) => {
    choice = { entry, argv };
  };
  const typed = COMMANDS.find((entry) => nameOf(entry) === args[0]);
  const parser =
    typed === undefined ? allCommands(args, choose) : oneCommand(typed, args, choose(typed));
  try {
    await parser
      .scriptName('xsplice-ts')
      .locale('en')
      .parserConfiguration({ 'parse-positional-numbers': false, 'parse-numbers': false })
      .strict()
      .version(packageVersion())
      .help()
      .wrap(Math.min(stdout.columns ?? 100, 100))
      .exitProcess(false)
      .fail(false)
      .parseAsync(typed === undefined ? args : args.slice(1), {}, (_error, _argv, help) => {
        if (help !== '') stdout.write(`${help}\n`);
      });
  } catch (error) {
    // Nothing but parsing is done there, so what fails is what was typed.
    const { usage } = await import('./settings.js');
    const message = error instanceof Error ? error.message : String(error);
    throw usage(
      message
        .replace(/\s+/g, ' ')
        .replace(/^Did you mean/, 'There is no such command; did you mean'),
    );
  }
  return choice;
}

function nameOf({ usage }: CommandEntry): string {
  return usage.split(' ')[0] ?? '';
}

type Handler = (argv: Choice['argv']) => void;

/** For the help, and for what was meant where no command was typed. */
function allCommands(args: readonly string[], choose: (entry: CommandEntry) => Handler): Argv {
  const parser = yargs(args)
    .usage('$0 COMMAND …\n\nLive-patch payloads for Xen: check, plan, apply, revert.')
    .demandCommand(1, 'Say what to do: the command is missing')
    .recommendCommands()
    .epilogue(
      'Exit: 0 done or nothing to do, 1 failed or refused, 2 busy, 3 check or lockstep found a rejection, 64 wrong usage.\nEnvironment: XSPLICE_HOST, NO_COLOR, FORCE_COLOR.',
    );
  for (const entry of COMMANDS) {
    parser.command(entry.usage, entry.describe, entry.options, choose(entry));
  }
  return parser;
}

/**
 * The command that was typed as the only thing there is: of a command among others, the parser renders the
 * help before it runs it.
 */
function oneCommand(
  { usage, describe, options }: CommandEntry,
  args: readonly string[],
  handler: Handler,
): Argv {
  const [, ...positionals] = usage.split(' ');
  return yargs(args.slice(1))
    .usage(`$0 ${usage}\n\n${describe}`)
    .command(['$0', ...positionals].join(' '), false, options, handler);
}

/** Of the package that this file is part of, wherever it was built to. */
function packageVersion(): string {
  for (const up of ['../', '../../', '../../../']) {
    const path = new URL(`${up}package.json`, import.meta.url);
    if (!existsSync(path)) continue;
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null && 'version' in value) {
      return String(value.version);
    }
  }
  return 'unknown';
}
