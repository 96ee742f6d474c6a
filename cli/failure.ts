import { CATALOGUE, errorFrom, explainedError, XspliceError } from '../core/findings/index.js';
import { COMMAND_NAMES } from './options/commands.js';
import { OPTIONS, type OptionName } from './options/definitions.js';
import type { Line } from './options/parse.js';
import { Output } from './terminal/output.js';
import type { Streams } from './terminal/streams.js';
import { failureFields, renderFailure } from './views/failure.js';

/** Prints why a command ended, in the one form that all have, and returns the exit code. */
export function reportFailure(thrown: unknown, line: Line, streams: Streams): number {
  const isOn = (name: OptionName) => line.options[name] === true;
  const plain = withCommandHint(errorFrom(thrown), line.command);
  const error = isOn('explain') ? explainedError(plain) : plain;
  // What was typed may be what is wrong: no settings come of it then.
  const output = new Output(
    {
      format: isOn('json') || line.options['format'] === 'json' ? 'json' : 'human',
      destinations: [],
      quiet: isOn('quiet'),
      verbose: isOn('verbose'),
      noColor: isOn('no-color'),
    },
    streams,
  );
  const host = hostMeant(line, streams);
  output.document({ ok: false, ...(host === null ? {} : { host }), ...failureFields(error) });
  output.notes.line(renderFailure(error, output.notes.style, host));
  if (error.code === 'internal-error' && output.verbose && thrown instanceof Error) {
    output.notes.line(thrown.stack ?? thrown.message);
  }
  return error.exitCode;
}

/** The host that was named, where the command is about one; null where none was. */
function hostMeant({ command, options }: Line, { env }: Streams): string | null {
  if (!OPTIONS.host.commands.some((name) => name === command)) return null;
  const { host } = options;
  return (typeof host === 'string' ? host : env['XSPLICE_HOST']) || null;
}

/** Of wrong usage that nothing better is known about: the help of the command, where there is one. */
function withCommandHint(error: XspliceError, command: string | null): XspliceError {
  const name = COMMAND_NAMES.find((known) => known === command);
  if (name === undefined || error.code !== 'usage' || error.hint !== CATALOGUE.usage.mend)
    return error;
  const hint = `xsplice-ts ${name} --help shows how it is used.`;
  return new XspliceError('usage', error.message, { hint, findings: error.findings });
}
