import type { MeantHost } from '../meant-host.js';
import { CHANGE_VERBS } from '../options/commands.js';
import { requestOf } from '../request.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';

/** Each verb that changes a hypervisor: plans it, shows the plan, asks, does it. */
export async function run(session: Session): Promise<number> {
  const { command, settings } = session;
  const verb = CHANGE_VERBS.find((name) => name === command);
  if (verb === undefined) throw new TypeError(`${command} changes nothing`);
  const { plan, dryRun } = settings;
  if (plan !== null) {
    const { readSavedPlan, requestOfSaved } = await import('../saved-plan.js');
    const saved = readSavedPlan(plan);
    return runChange(session, { request: async () => requestOfSaved(saved, plan), dryRun, saved });
  }
  const request = (host: MeantHost) => requestOf(verb, settings.words, settings, host);
  return runChange(session, { request, dryRun });
}
