#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import yargs from 'yargs';
import { COMMANDS, type CommandEntry } from './command-table.js';

/** What was typed, once the parser found it to be well-formed. */
interface Choice {
  readonly entry: CommandEntry;
  readonly argv: Readonly<Record<string, unknown>>;
}

const args = process.argv.slice(2);

// A reader that went away (`| head`) must not stop what is being done to a hypervisor.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const choice = await parse();
    if (choice === null) return 0;
    const [{ openSession }, command] = await Promise.all([
      import('./session.js'),
      choice.entry.load(),
    ]);
    return await command.run(openSession(choice.argv));
  } catch (error) {
    const { reportFailure } = await import('./failure.js');
    return reportFailure(error, args);
  }
}

/** Null where it was --help or --version, which are done then. Usage errors are thrown. */
async function parse(): Promise<Choice | null> {
  let choice: Choice | null = null;
  const parser = yargs(args)
    .scriptName('xsplice-ts')
    .locale('en')
    .usage('$0 COMMAND …\n\nLive-patch payloads for Xen: check, plan, apply, revert.')
    .parserConfiguration({ 'parse-positional-numbers': false, 'parse-numbers': false })
    .strict()
    .demandCommand(1, 'Say what to do: the command is missing')
    .recommendCommands()
    .version(packageVersion())
    .help()
    .epilogue(
      'Exit: 0 done or nothing to do, 1 failed or refused, 2 busy, 3 check found a rejection, 64 wrong usage.\nEnvironment: XSPLICE_HOST, XDG_STATE_HOME, NO_COLOR, FORCE_COLOR.',
    )
    .wrap(process.stdout.isTTY ? Math.min(process.stdout.columns, 100) : 100)
    .exitProcess(false)
    .fail(false);
  for (const entry of wantedEntries()) {
    parser.command(entry.usage, entry.describe, entry.options, (argv) => {
      choice = { entry, argv };
    });
  }
  try {
    await parser.parseAsync();
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

/**
 * The command that was typed, alone: the parser renders the help of all it knows before it runs one.
 * All of them where it is none, for the help and for what was meant.
 */
function wantedEntries(): readonly CommandEntry[] {
  const typed = COMMANDS.filter(({ usage }) => usage.split(' ')[0] === args[0]);
  return typed.length > 0 ? typed : COMMANDS;
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
