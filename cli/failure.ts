import { errorFrom, explainedError } from '../core/findings/index.js';
import { Output } from './terminal/output.js';
import type { Streams } from './terminal/streams.js';
import { failureFields, renderFailure } from './views/failure.js';

/** As far as can be told of what may be no proper command line. */
function isJsonWanted(args: readonly string[]): boolean {
  return args.some(
    (word, index) =>
      word === '--json' ||
      word === '--format=json' ||
      (word === 'json' && args[index - 1] === '--format'),
  );
}

/** Prints why a command ended, in the one form that all have, and returns the exit code. */
export function reportFailure(thrown: unknown, args: readonly string[], streams: Streams): number {
  const plain = errorFrom(thrown);
  const error = args.includes('--explain') ? explainedError(plain) : plain;
  // What was typed may be what is wrong: no settings come of it then.
  const output = new Output(
    {
      format: isJsonWanted(args) ? 'json' : 'human',
      destinations: [],
      quiet: args.includes('--quiet'),
      verbose: args.includes('--verbose'),
      color: !args.includes('--no-color'),
    },
    streams,
  );
  output.document({ ok: false, ...failureFields(error) });
  output.notes.line(renderFailure(error, output.notes.style));
  if (error.code === 'internal-error' && output.verbose && thrown instanceof Error) {
    output.notes.line(thrown.stack ?? thrown.message);
  }
  return error.exitCode;
}
