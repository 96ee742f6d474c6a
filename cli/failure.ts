import { errorFrom, explainedError } from '../core/findings/index.js';
import { FORMAT_VERSION } from './terminal/output.js';
import { createStyle } from './terminal/style.js';
import { failureFields, renderFailure } from './views/failure.js';
import { renderJson } from './views/json.js';

/** Prints why a command ended, in the one form that all have, and returns the exit code. */
export function reportFailure(thrown: unknown, args: readonly string[]): number {
  const plain = errorFrom(thrown);
  const error = args.includes('--explain') ? explainedError(plain) : plain;
  if (args.includes('--json')) {
    const document = { formatVersion: FORMAT_VERSION, ok: false, ...failureFields(error) };
    process.stdout.write(`${renderJson(document)}\n`);
  }
  const style = createStyle(process.stderr, !args.includes('--no-color'));
  process.stderr.write(`${renderFailure(error, style)}\n`);
  if (error.code === 'internal-error' && args.includes('--verbose') && thrown instanceof Error) {
    process.stderr.write(`${thrown.stack ?? thrown.message}\n`);
  }
  return error.exitCode;
}
