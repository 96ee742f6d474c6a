import { requestOf } from '../request.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';

/** Removes payloads that are loaded and not applied. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  return runChange(session, settings.dryRun, requestOf('unload', settings.words, settings));
}
