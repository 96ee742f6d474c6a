import { runPlanner } from '../run-plan.js';
import type { Session } from '../session.js';
import { plannerFor } from '../verbs.js';

/** Takes the top off the stack, or everything above what --to names. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const planner = plannerFor('revert', settings.words, settings);
  return runPlanner(session, settings.dryRun, planner);
}
