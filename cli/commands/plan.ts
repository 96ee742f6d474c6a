import { runPlanner } from '../run-plan.js';
import type { Session } from '../session.js';
import { usage } from '../settings.js';
import { plannerFor, VERBS, type Verb } from '../verbs.js';

/**
 * Shows and verifies a plan, and changes nothing: `plan FILE…` of an apply, `plan VERB …` of any verb. A
 * file that is called like a verb is given as `./NAME`.
 */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const [first, ...rest] = settings.words;
  const verb: Verb | undefined = VERBS.find((name) => name === first);
  if (settings.to !== null && verb !== 'revert') throw usage('--to is for plan revert');
  const planner = plannerFor(verb ?? 'apply', verb === undefined ? settings.words : rest, settings);
  return runPlanner(session, true, planner);
}
