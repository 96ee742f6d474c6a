import { runPlanner } from '../run-plan.js';
import type { Session } from '../session.js';
import { plannerFor } from '../verbs.js';

/** Loads payloads without applying them. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const planner = plannerFor('upload', settings.words, settings);
  return runPlanner(session, settings.dryRun, planner);
}
