import { type CheckTarget, check, targetOfBuildId, targetOfImage } from '../../core/check/index.js';
import { openImage, readPayloadFiles } from '../../core/inputs/index.js';
import { releaseOf } from '../release.js';
import type { Session } from '../session.js';
import { type Settings, usage } from '../settings.js';
import { writeRun } from '../write-run.js';

/**
 * Checks payloads: against the image or id that was typed, else against the targets of the configuration. Their
 * chain, and with an image what Xen will answer.
 */
export async function run(session: Session): Promise<number> {
  const { settings } = session;
  if (settings.image === null && settings.buildId === null) return runConfig(session);
  requireNoConfig(settings);
  if (settings.words.length === 0) throw usage('check needs payloads: files, folders or patterns');
  const target = targetOf(settings);
  const { inputs, findings } = readPayloadFiles(settings.words, { deep: true });
  const report = await check(inputs, target, findings, { failOn: settings.failOn ?? 'error' });
  const name = settings.image ?? settings.buildId ?? '';
  return writeRun(session, {
    targets: [{ target: name, image: settings.image, report }],
    findings: [],
    skipped: [],
  });
}

async function runConfig(session: Session): Promise<number> {
  const { settings } = session;
  const { checkConfig, findConfig, readConfig } = await import('../config/index.js');
  const file = settings.config ?? findConfig('.');
  if (file === null) {
    throw usage(
      'check needs to know the hypervisor',
      'Name its image with --image FILE, its build-id with --build-id HEX, or write an xsplice.config.json.',
    );
  }
  const { words, targets, since, check: guard, xen, failOn } = settings;
  const run = await checkConfig(readConfig(file), {
    paths: words,
    only: targets,
    since,
    check: guard === 'build-id' ? null : guard,
    xen,
    failOn,
    today: new Date().toISOString().slice(0, 10),
  });
  return writeRun(session, run);
}

function requireNoConfig({ config, targets, since }: Settings): void {
  const used = [
    ...(config === null ? [] : ['--config']),
    ...(targets.length === 0 ? [] : ['--target']),
    ...(since === null ? [] : ['--since']),
  ];
  if (used.length === 0) return;
  throw usage(
    `${used.join(', ')} is about the targets of a configuration, and a hypervisor was named`,
    'Leave out --image and --build-id, or what is about the configuration.',
  );
}

function targetOf({ image, buildId, xen, check: guard }: Settings): CheckTarget {
  const release = releaseOf(xen);
  if (image !== null) {
    return targetOfImage(openImage(image), { release, guard: guard === 'build-id' ? null : guard });
  }
  if (guard === 'build-id') return targetOfBuildId(buildId ?? '');
  throw usage(`--check ${guard} compares code, which needs an image`, 'Name it with --image.');
}
