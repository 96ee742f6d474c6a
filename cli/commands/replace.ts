import { runPlanner } from '../run-plan.js';
import type { Session } from '../session.js';
import { plannerFor } from '../verbs.js';

/** Leaves only one payload applied. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const planner = plannerFor('replace', settings.words, settings);
  return runPlanner(session, settings.dryRun, planner);
}
