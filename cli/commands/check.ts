import { type CheckTarget, check, targetOfBuildId, targetOfImage } from '../../core/check/index.js';
import { openImage, readPayloadFiles } from '../../core/inputs/index.js';
import { releaseOf } from '../release.js';
import type { Session } from '../session.js';
import type { Settings } from '../settings.js';
import { usage } from '../usage.js';
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
  const report = await check(inputs, target, findings, { failOn: settings.failOn });
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
  const { words, target, since, check: guard, xen, failOn, given } = settings;
  const run = await checkConfig(readConfig(file), {
    paths: words,
    only: target,
    since,
    check: given.includes('check') ? guard : null,
    xen,
    failOn: given.includes('fail-on') ? failOn : null,
    today: new Date().toISOString().slice(0, 10),
  });
  return writeRun(session, run);
}

function requireNoConfig({ given }: Settings): void {
  const used = ['config', 'target', 'since'].filter((name) => given.includes(name));
  if (used.length === 0) return;
  throw usage(
    `--${used.join(', --')} is about the targets of a configuration, and a hypervisor was named`,
    'Leave out --image and --build-id, or what is about the configuration.',
  );
}

function targetOf({ image, buildId, xen, check: guard }: Settings): CheckTarget {
  const release = releaseOf(xen);
  if (image !== null) {
    if (buildId !== null) {
      throw usage('--image and --build-id both name the hypervisor', 'Use one.');
    }
    return targetOfImage(openImage(image), { release, guard: guard === 'build-id' ? null : guard });
  }
  if (release !== null) {
    throw usage(
      '--xen would have no effect: with --build-id no rules of Xen are asked',
      'Use --image.',
    );
  }
  if (guard === 'build-id') return targetOfBuildId(buildId ?? '');
  throw usage(`--check ${guard} compares code, which needs an image`, 'Name it with --image.');
}
