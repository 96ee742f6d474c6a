import { XspliceError } from '../../findings/index.js';

/** The state folder does not hold what it should. */
export function damaged(what: string, cause?: unknown): XspliceError {
  return new XspliceError('state-damaged', `The embedded hypervisor's state is damaged: ${what}`, {
    cause,
  });
}
