import { requestOf } from '../request.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';

/** Loads payloads without applying them. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  return runChange(session, settings.dryRun, requestOf('upload', settings.words, settings));
}
