import { requestOf } from '../request.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';

/** Uploads and applies one payload. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  return runChange(session, settings.dryRun, requestOf('load', settings.words, settings));
}
