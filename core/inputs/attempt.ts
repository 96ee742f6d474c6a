import { reasonOf } from '../files/index.js';
import { XspliceError } from '../findings/index.js';

/** Does what may turn out not to be possible. Fails with `file-not-readable` then. */
export function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw notReadable(path, cause);
  }
}

/** The error that says so. */
export function notReadable(path: string, cause: unknown): XspliceError {
  const code = reasonOf(cause);
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? 'Run it as a user who may read the file.'
      : 'Check the path.';
  return new XspliceError('file-not-readable', `${path} cannot be read: ${code}`, { hint, cause });
}
