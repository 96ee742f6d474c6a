import { runCheck } from '../run-check.js';
import type { Session } from '../session.js';
import { writeRun } from '../write-run.js';

/** Checks payloads: their chain, and with an image what Xen will answer. */
export async function run(session: Session): Promise<number> {
  const { run: found } = await runCheck('check', session);
  return writeRun(session, found);
}
