import { runPlanner } from '../run-plan.js';
import type { Session } from '../session.js';
import { plannerFor } from '../verbs.js';

/** Uploads and applies one payload. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const planner = plannerFor('load', settings.words, settings);
  return runPlanner(session, settings.dryRun, planner);
}
