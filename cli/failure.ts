import { EXIT, XspliceError } from '../core/findings/index.js';
import { explainedError } from '../core/verify/explain/index.js';
import { Output } from './terminal/output.js';
import type { Streams } from './terminal/streams.js';
import { failureFields, renderFailure } from './views/failure.js';

/** Prints why a command ended, in the one form that all have, and returns the exit code. */
export function reportFailure(thrown: unknown, args: readonly string[], streams: Streams): number {
  const plain = classify(thrown);
  const error = args.includes('--explain') ? explainedError(plain) : plain;
  // What was typed may be what is wrong: no settings come of it then.
  const output = new Output(
    {
      json: args.includes('--json'),
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

function classify(thrown: unknown): XspliceError {
  if (thrown instanceof XspliceError) return thrown;
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new XspliceError('internal-error', `Internal error, please report: ${text}`, {
    hint: 'Run it again with --verbose, which adds the place in the code, and report that.',
    exitCode: EXIT.failed,
    cause: thrown,
  });
}
