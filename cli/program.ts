import { LOAD } from './command-table.js';
import { COMMAND_NAMES, HIDDEN } from './options/commands.js';
import { type Line, parseLine } from './options/parse.js';
import type { Streams } from './terminal/streams.js';
import { packageVersion } from './tool.js';

/** Does what these words say, and returns the exit code. Whatever fails is reported, not thrown. */
export async function runProgram(args: readonly string[], streams: Streams): Promise<number> {
  const line = parseLine(args);
  try {
    const information = await informationFor(args, line, streams);
    if (information === null) return await runCommand(line, streams);
    streams.stdout.write(`${information}\n`);
    return 0;
  } catch (error) {
    const { reportFailure } = await import('./failure.js');
    return reportFailure(error, line, streams);
  }
}

async function runCommand(line: Line, streams: Streams): Promise<number> {
  const known = ([...COMMAND_NAMES, ...HIDDEN] as const).find((name) => name === line.command);
  const name = known ?? (await import('./options/refuse.js')).commandOf(line);
  const [{ openSession }, command] = await Promise.all([import('./session.js'), LOAD[name]()]);
  const session = openSession(name, line, streams);
  const code = await command.run(session);
  await session.output.end();
  return code;
}

/** What --help, --version and their like ask for; null where a command is to be run. */
async function informationFor(
  args: readonly string[],
  { command, words, options }: Line,
  { stdout, env }: Streams,
): Promise<string | null> {
  // Behind a command, -v is --verbose.
  if (options['version'] === true || (args.length === 1 && args[0] === '-v')) {
    return packageVersion();
  }
  if (options['licenses'] === true) {
    const { licencesText } = await import('./licences.js');
    return licencesText();
  }
  if (options['json-schema'] === true) {
    const { schemaText } = await import('./schemas/documents.js');
    const { commandOf } = await import('./options/refuse.js');
    return schemaText(commandOf({ command, options }));
  }
  const [first = null] = command === 'help' ? words : [command];
  const asked = first === 'help' ? null : first;
  if (args.length > 0 && command !== 'help' && options['help'] !== true) return null;
  const [{ helpText }, { createStyle }, { asciiText }] = await Promise.all([
    import('./views/help.js'),
    import('./terminal/style.js'),
    import('./terminal/charset.js'),
  ]);
  const { columns, isAscii } = createStyle(stdout, false, env);
  const text = helpText(asked, columns ?? undefined);
  return isAscii ? asciiText(text) : text;
}
