import { requestOf } from '../request.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';

/** Takes the top off the stack, or everything above what --to names. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  return runChange(session, settings.dryRun, requestOf('revert', settings.words, settings));
}
