import { countsOf } from '../../core/check/index.js';
import { EXIT } from '../../core/findings/index.js';
import { portraitOf } from '../../core/portrait/index.js';
import { writeReport } from '../files.js';
import { pageOf } from '../page/index.js';
import { runCheck } from '../run-check.js';
import type { Session } from '../session.js';
import { escapeText } from '../terminal/escape.js';
import { thisTool } from '../tool.js';
import { usage } from '../usage.js';

/** Checks payloads, and writes all that is to be seen of them into one page. */
export async function run(session: Session): Promise<number> {
  const { output, ownFile } = session;
  if (ownFile === null) throw usage('report needs to know where to write', 'Add --output FILE.');
  const { run: found, subjects } = await runCheck('report', session);
  const targets = found.targets.flatMap((target, index) => {
    const subject = subjects[index];
    if (subject === undefined) return [];
    return [{ ...target, portrait: portraitOf({ ...subject, report: target.report }) }];
  });
  const page = pageOf(found, targets, thisTool());
  await writeReport(ownFile, page);
  const sizeBytes = Buffer.byteLength(page);
  output.info(escapeText(`Wrote ${ownFile}: ${sizeBytes} bytes`));
  output.document({ ok: true, output: ownFile, sizeBytes, counts: countsOf(found) });
  return EXIT.done;
}
