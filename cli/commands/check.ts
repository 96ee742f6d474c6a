import { type CheckTarget, check, targetOfBuildId, targetOfImage } from '../../core/check/index.js';
import { openImage, readPayloadFiles } from '../../core/inputs/index.js';
import { releaseOf } from '../release.js';
import type { Session } from '../session.js';
import { type Settings, usage } from '../settings.js';
import { writeRun } from '../write-run.js';

/** Checks payloads against an image or an id: their chain, and with an image what Xen will answer. */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  const target = targetOf(settings);
  const { inputs, findings, unreadable } = readPayloadFiles(settings.words);
  const { failOn } = settings;
  const report = await check(inputs, target, findings, { failOn, unreadable });
  const name = settings.image ?? settings.buildId ?? '';
  return writeRun(session, {
    targets: [{ target: name, image: settings.image, report }],
    findings: [],
  });
}

function targetOf({ image, buildId, xen, check: guard }: Settings): CheckTarget {
  const release = releaseOf(xen);
  if (buildId !== null) {
    if (guard === 'build-id') return targetOfBuildId(buildId);
    throw usage(`--check ${guard} compares code, which needs an image`, 'Name it with --image.');
  }
  if (image !== null) {
    return targetOfImage(openImage(image), { release, guard: guard === 'build-id' ? null : guard });
  }
  throw usage(
    'check needs to know the hypervisor',
    'Name its image with --image FILE, or its build-id with --build-id HEX.',
  );
}
