import { EXIT } from '../../core/findings/index.js';
import { portraitOf } from '../../core/portrait/index.js';
import { dotFile, pictureFile, pictureOf } from '../page/index.js';
import { runCheck } from '../run-check.js';
import type { Session } from '../session.js';

/** Draws payloads on what they build on, with their verdicts. */
export async function run(session: Session): Promise<number> {
  const { output } = session;
  const { run: found, subjects } = await runCheck('graph', session);
  const pictures = found.targets.flatMap((target, index) => {
    const subject = subjects[index];
    if (subject === undefined) return [];
    return [pictureOf({ ...target, portrait: portraitOf({ ...subject, report: target.report }) })];
  });
  output.report('svg', pictureFile(pictures));
  output.report('dot', dotFile(pictures));
  return EXIT.done;
}
