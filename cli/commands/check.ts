import {
  type CheckTarget,
  check,
  isRejection,
  targetOfBuildId,
  targetOfImage,
} from '../../core/check/index.js';
import { EXIT } from '../../core/findings/index.js';
import { openImage, readPayloadFiles } from '../../core/inputs/index.js';
import { withExplanations } from '../explanations.js';
import { releaseOf } from '../release.js';
import type { Session } from '../session.js';
import type { Settings } from '../settings.js';
import { usage } from '../usage.js';
import { checkFields, renderCheck } from '../views/check.js';

/** Checks payloads against an image or an id: their chain, and with an image what Xen will answer. */
export async function run({ settings, output }: Session): Promise<number> {
  const target = targetOf(settings);
  const { inputs, findings } = readPayloadFiles(settings.words);
  const checked = await check(inputs, target, findings, {
    failOn: settings.failOn,
    mode: settings.mode === 'alternatives' ? 'alternatives' : 'chain',
  });
  const report = { ...checked, findings: withExplanations(settings, checked.findings) };
  output.document(checkFields(report));
  if (output.quiet) {
    output.findings(report.findings);
  } else {
    output.data(renderCheck(report, output.style, output.verbose));
  }
  if (report.ok) return EXIT.done;
  const rejections = report.findings.filter((found) => isRejection(found, settings.failOn));
  // Nothing was rejected, but nothing is known either.
  return rejections.every(({ code }) => code === 'not-verified') ? EXIT.failed : EXIT.rejected;
}

function targetOf({ image: file, buildId, xen, check }: Settings): CheckTarget {
  const release = releaseOf(xen);
  if (buildId !== null) {
    if (file !== null) throw usage('--image and --build-id both name the hypervisor', 'Use one.');
    if (release !== null) {
      throw usage(
        '--xen would have no effect: with --build-id no rules of Xen are asked',
        'Use --image.',
      );
    }
    if (check !== 'build-id') {
      throw usage(`--check ${check} compares code, which needs an image`, 'Name it with --image.');
    }
    return targetOfBuildId(buildId);
  }
  if (file === null) {
    throw usage(
      'check needs to know the hypervisor',
      'Name its image with --image FILE, or its build-id with --build-id HEX.',
    );
  }
  return targetOfImage(openImage(file), { release, guard: check === 'build-id' ? null : check });
}
