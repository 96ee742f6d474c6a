import { runPlanner } from '../run-plan.js';
import type { Session } from '../session.js';
import { plannerFor } from '../verbs.js';

/** Removes payloads that are loaded and not applied. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const planner = plannerFor('unload', settings.words, settings);
  return runPlanner(session, settings.dryRun, planner);
}
