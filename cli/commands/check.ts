import { check } from '../../core/check/index.js';
import { EXIT, explained } from '../../core/findings/index.js';
import { targetOf } from '../check-target.js';
import { readPayloadFiles } from '../files.js';
import type { Session } from '../session.js';
import { checkFields, renderCheck } from '../views/check.js';

/** Checks payloads against an image or an id: their chain, and with an image what Xen will answer. */
export async function run({ settings, output }: Session): Promise<number> {
  const target = targetOf(settings);
  const { inputs, findings } = readPayloadFiles(settings.words);
  const checked = await check(inputs, target, findings);
  const report = settings.explain ? { ...checked, findings: explained(checked.findings) } : checked;
  output.document(checkFields(report));
  if (output.quiet) {
    output.findings(report.findings);
  } else {
    output.data(renderCheck(report, output.style, output.verbose));
  }
  if (report.ok) return EXIT.done;
  const errors = report.findings.filter(({ severity }) => severity === 'error');
  // Nothing was rejected, but nothing is known either.
  return errors.every(({ code }) => code === 'not-verified') ? EXIT.failed : EXIT.rejected;
}
