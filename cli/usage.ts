import { XspliceError } from '../core/findings/index.js';

/** A mistake in what was typed. */
export function usage(message: string, hint?: string): XspliceError {
  return new XspliceError('usage', message, hint === undefined ? {} : { hint });
}
