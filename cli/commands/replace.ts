import { requestOf } from '../request.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';

/** Leaves only one payload applied. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  return runChange(session, settings.dryRun, requestOf('replace', settings.words, settings));
}
