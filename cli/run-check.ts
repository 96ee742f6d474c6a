import type { BuildId } from '../core/abi/ids.js';
import {
  type CheckRun,
  type CheckTarget,
  check,
  checkLinks,
  targetOfBuildId,
  targetOfImage,
  targetOfRelease,
  wholeBuildId,
  xenDependsOf,
} from '../core/check/index.js';
import type { HypervisorImage } from '../core/image/index.js';
import {
  openImage,
  type PathOptions,
  readPayloadFiles,
  readPayloadHeads,
} from '../core/inputs/index.js';
import type { InputFile } from '../core/payload/index.js';
import { releaseOf } from './release.js';
import type { Session } from './session.js';
import type { Settings } from './settings.js';
import { escapeText } from './terminal/escape.js';
import { Progress } from './terminal/progress.js';
import { usage } from './usage.js';

/** What one target of a run was asked with. */
export interface CheckSubject {
  readonly inputs: readonly InputFile[];
  readonly against: CheckTarget;
  /** Null where only the build-id is known. */
  readonly image: HypervisorImage | null;
}

/** A run, and what it was made from: a subject for each of its targets, in their order. */
export interface AnsweredRun {
  readonly run: CheckRun;
  readonly subjects: readonly CheckSubject[];
}

/**
 * Checks payloads as check, report and graph do: against the image or id that was typed, else against the
 * targets of the configuration.
 */
export async function runCheck(
  command: string,
  { settings, output }: Pick<Session, 'settings' | 'output'>,
): Promise<AnsweredRun> {
  const progress = new Progress(output.notes, output.quiet || !output.isForPeople);
  try {
    return await answer(command, settings, progress.share);
  } finally {
    progress.end();
  }
}

/** Told how much of what is done. */
type Tell = (what: string, done: number, total: number) => void;

async function answer(command: string, settings: Settings, tell: Tell): Promise<AnsweredRun> {
  const files: PathOptions = {
    deep: true,
    onProgress: (...how) => tell('Reading payloads', ...how),
  };
  if (settings.image === null && settings.buildId === null)
    return runConfig(command, settings, tell);
  requireNoConfig(settings);
  if (settings.words.length === 0) {
    throw usage(`${command} needs payloads: files, folders or patterns`);
  }
  if (settings.image !== null && settings.buildId !== null) {
    throw usage('--image and --build-id both name the hypervisor', 'Use one.');
  }
  const image = settings.image === null ? null : openImage(settings.image);
  const { failOn, mode } = settings;
  const isChain = mode !== 'alternatives';
  const target = settings.image ?? settings.buildId ?? '';
  // The pictures of report and graph show more than the links.
  if (command === 'check' && image === null && settings.xen === null && isChain) {
    const heads = readPayloadHeads(settings.words, files);
    const against = targetOf(image, settings, () => [
      ...heads.members.map(({ xenDepends }) => xenDepends),
      ...heads.inputs.map(xenDependsOf),
    ]);
    const report = checkLinks(heads, against, { failOn });
    return {
      run: { targets: [{ target, image: null, report }], findings: [], skipped: [] },
      subjects: [{ inputs: [], against, image: null }],
    };
  }
  const { inputs, findings } = readPayloadFiles(settings.words, files);
  const against = targetOf(image, settings, () => inputs.map(xenDependsOf));
  const report = await check(inputs, against, findings, {
    failOn,
    mode: isChain ? 'chain' : mode,
    onProgress: (...how) => tell(`Checking against ${escapeText(target)}`, ...how),
  });
  return {
    run: { targets: [{ target, image: settings.image, report }], findings: [], skipped: [] },
    subjects: [{ inputs, against, image }],
  };
}

async function runConfig(command: string, settings: Settings, tell: Tell): Promise<AnsweredRun> {
  const { checkConfig, findConfig, readConfig } = await import('./config/index.js');
  const file = settings.config ?? findConfig('.');
  if (file === null) {
    throw usage(
      `${command} needs to know the hypervisor`,
      'Name its image with --image FILE, its build-id with --build-id HEX, or write an xsplice.config.json.',
    );
  }
  const { words, target, since, check: guard, mode, xen, failOn, given } = settings;
  return checkConfig(readConfig(file), {
    paths: words,
    only: target,
    since,
    check: given.includes('check') || mode === 'independent' ? guard : null,
    mode: given.includes('mode') ? mode : null,
    xen,
    failOn: given.includes('fail-on') ? failOn : null,
    today: new Date().toISOString().slice(0, 10),
    tell,
  });
}

function requireNoConfig({ given }: Settings): void {
  const used = ['config', 'target', 'since'].filter((name) => given.includes(name));
  if (used.length === 0) return;
  throw usage(
    `--${used.join(', --')} is about the targets of a configuration, and a hypervisor was named`,
    'Leave out --image and --build-id, or what is about the configuration.',
  );
}

function targetOf(
  image: HypervisorImage | null,
  { buildId, xen, check: guard }: Settings,
  named: () => readonly (BuildId | null)[],
): CheckTarget {
  const release = releaseOf(xen);
  if (image !== null) {
    return targetOfImage(image, { release, guard: guard === 'build-id' ? null : guard });
  }
  if (guard !== 'build-id') {
    throw usage(`--check ${guard} compares code, which needs an image`, 'Name it with --image.');
  }
  const id = wholeBuildId(buildId ?? '', named);
  return release === null ? targetOfBuildId(id) : targetOfRelease(release, id, named);
}
