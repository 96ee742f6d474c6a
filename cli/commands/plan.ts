import type { MeantHost } from '../meant-host.js';
import { CHANGE_VERBS, type ChangeVerb } from '../options/commands.js';
import { requestOf } from '../request.js';
import { runChange } from '../run-change.js';
import type { Session } from '../session.js';

/**
 * Shows and verifies a plan, and changes nothing: `plan FILE…` of an apply, `plan VERB …` of any verb. A
 * file that is called like a verb is given as `./NAME`.
 */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const [first, ...rest] = settings.words;
  const verb: ChangeVerb | undefined = CHANGE_VERBS.find((name) => name === first);
  const words = verb === undefined ? settings.words : rest;
  const request = (host: MeantHost) => requestOf(verb ?? 'apply', words, settings, host);
  return runChange(session, { request, dryRun: true });
}
