import { runPlanner } from '../run-plan.js';
import type { Session } from '../session.js';
import { plannerFor, VERBS } from '../verbs.js';

/** Each verb that changes a hypervisor: plans it, shows the plan, asks, does it. */
export async function run(session: Session): Promise<number> {
  const { command, settings } = session;
  const verb = VERBS.find((name) => name === command);
  if (verb === undefined) throw new TypeError(`${command} changes nothing`);
  return runPlanner(session, settings.dryRun, plannerFor(verb, settings.words, settings));
}
