import { runPlanner } from '../run-plan.js';
import type { Session } from '../session.js';
import { plannerFor } from '../verbs.js';

/** Uploads and applies payloads in their order, or applies an uploaded one by its name. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const planner = plannerFor('apply', settings.words, settings);
  return runPlanner(session, settings.dryRun, planner);
}
