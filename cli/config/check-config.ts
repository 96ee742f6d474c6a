import { join, relative, resolve } from 'node:path';
import type { BuildId } from '../../core/abi/ids.js';
import {
  basesOf,
  type CheckTarget,
  check,
  standingOf,
  type TargetReport,
  targetOfBuildId,
  targetOfImage,
  targetOfRelease,
  wholeBuildId,
  xenDependsOf,
} from '../../core/check/index.js';
import { type Finding, finding, type Severity, XspliceError } from '../../core/findings/index.js';
import type { HypervisorImage } from '../../core/image/index.js';
import {
  filesMatching,
  isPattern,
  matcher,
  openImage,
  type PathOptions,
  type PayloadFiles,
  readPayloadFiles,
  statOrNull,
} from '../../core/inputs/index.js';
import type { InputFile } from '../../core/payload/index.js';
import { releaseOf } from '../release.js';
import type { AnsweredRun, CheckSubject } from '../run-check.js';
import { escapeText } from '../terminal/escape.js';
import { usage } from '../usage.js';
import { assignPayloads } from './assign.js';
import type { Check, Config, Mode, TargetConfig } from './config.js';
import { changedSince } from './since.js';
import { applyWaivers } from './waivers.js';

/** What was asked of a configuration. */
export interface ConfigRequest {
  /** Only these payloads: files, folders or patterns as they were typed; empty for all. */
  readonly paths: readonly string[];
  /** Only these targets; empty for all. */
  readonly only: readonly string[];
  /** Only targets that a change since this revision touches. */
  readonly since: string | null;
  /** What was typed, which wins; null for what the configuration says. */
  readonly check: Check | null;
  readonly mode: Mode | null;
  readonly xen: string | null;
  readonly failOn: Severity | null;
  /** YYYY-MM-DD, UTC. */
  readonly today: string;
  /** Told how much of what is done. */
  readonly tell: (what: string, done: number, total: number) => void;
}

/** Checks the payloads of a configuration against its targets. */
export async function checkConfig(config: Config, request: ConfigRequest): Promise<AnsweredRun> {
  const asked = askedTargets(config, request.only);
  const touched = request.since === null ? asked : touchedBy(config, asked, request.since);
  const skipped = config.targets.filter((target) => !touched.includes(target));
  const onProgress: PathOptions['onProgress'] = (...how) =>
    request.tell('Reading payloads', ...how);
  const wanted =
    request.paths.length === 0 ? null : readPayloadFiles(request.paths, { deep: true, onProgress });
  const claims = claimsOf(config, wanted);
  const read =
    wanted ?? readPayloadFiles([...new Set(claims.flatMap(({ files }) => files))], { onProgress });
  const inputs = new Map(read.inputs.map((input) => [input.file, input]));
  const images = new ImageShelf(config, request, read.inputs);
  // Whose a payload is, is asked of all targets, whichever are answered.
  const owned = assignPayloads(
    claims.map((claim) => ({ ...claim, buildId: () => images.idOf(claim.target) })),
    (file) => {
      const input = inputs.get(file);
      return input === undefined ? null : xenDependsOf(input);
    },
  );
  const findings: Finding[] = [...owned.findings, ...unclaimed(read, claims)];
  const reports: TargetReport[] = [];
  const subjects: CheckSubject[] = [];
  for (const target of touched) {
    const files = new Set(owned.filesOf.get(target.name) ?? []);
    if (files.size === 0 && wanted !== null) continue;
    const own = [...files].flatMap((file) => inputs.get(file) ?? []);
    const against = images.targetOf(target, own);
    if ('code' in against) {
      findings.push(against);
      continue;
    }
    const report = await check(
      own,
      against,
      read.findings.filter(({ file = '' }) => files.has(file)),
      {
        failOn: request.failOn ?? target.failOn,
        mode: (request.mode ?? target.mode) === 'alternatives' ? 'alternatives' : 'chain',
        onProgress: (...how) => request.tell(`Checking against ${escapeText(target.name)}`, ...how),
      },
    );
    subjects.push({ inputs: own, against, image: images.imageOf(target) });
    reports.push({ target: target.name, image: images.pathOf(target), report });
  }
  const waived = applyWaivers(reports, config.waivers, {
    file: config.file,
    today: request.today,
    placeOf: (file) => relative(config.folder, resolve(file)),
    isComplete: wanted === null && skipped.length === 0,
  });
  return {
    run: {
      targets: waived.targets.map(({ report, ...target }) => ({
        ...target,
        report: { ...report, ok: standingOf(report.findings, report.failOn) === 'good' },
      })),
      findings: [...findings, ...waived.findings],
      skipped: skipped.map(({ name }) => name),
    },
    subjects,
  };
}

function askedTargets(config: Config, only: readonly string[]): readonly TargetConfig[] {
  for (const name of only) {
    if (config.targets.some((target) => target.name === name)) continue;
    const names = config.targets.map((target) => target.name).join(', ');
    throw usage(`There is no target ${JSON.stringify(name)}`, `${config.file} has ${names}.`);
  }
  return config.targets.filter(({ name }) => only.length === 0 || only.includes(name));
}

/** Those whose payloads, image or configuration are among what changed. */
function touchedBy(
  config: Config,
  targets: readonly TargetConfig[],
  revision: string,
): readonly TargetConfig[] {
  const changed = changedSince(config.folder, revision);
  const own = relative(config.folder, resolve(config.file));
  if (changed.includes(own)) return targets;
  return targets.filter((target) => {
    const files = [...target.payloads.map(withAllBelow), target.image ?? []].flat().map(matcher);
    return changed.some((path) => files.some((isMeant) => isMeant(path)));
  });
}

/** What a path of the configuration means in a change, where a folder may be gone: itself and all below it. */
function withAllBelow(path: string): readonly string[] {
  return [path, `${path.replace(/\/+$/, '')}/**`];
}

/** Each target with the payloads that it means; where only some are wanted, with those of them. */
function claimsOf(
  config: Config,
  wanted: PayloadFiles | null,
): readonly {
  readonly target: TargetConfig;
  readonly name: string;
  readonly files: readonly string[];
}[] {
  const asked = wanted === null ? null : new Map(filesIn(wanted).map((f) => [resolve(f), f]));
  return config.targets.map((target) => {
    const files = filesOf(config, target);
    // As they were typed.
    const kept = asked === null ? files : files.flatMap((file) => asked.get(resolve(file)) ?? []);
    return { target, name: target.name, files: kept };
  });
}

/** Payloads that a target means, as paths from where this was started. */
function filesOf(config: Config, { payloads }: TargetConfig): readonly string[] {
  const from = relative('.', config.folder);
  const found = payloads.flatMap((path) => {
    const stats = statOrNull(join(config.folder, path));
    const pattern = stats?.isDirectory() === true ? `${path}/**/*.livepatch` : path;
    // What is named and is not there is for the reader to say.
    const isNamed = stats === null && !isPattern(path);
    return isNamed ? [path] : filesMatching(config.folder, pattern);
  });
  return [...new Set(found.map((path) => join(from, path)))];
}

function filesIn({ inputs, findings }: PayloadFiles): readonly string[] {
  return [...inputs.map(({ file }) => file), ...findings.flatMap(({ file }) => file ?? [])];
}

/** Payloads that were asked about, and that no target means. */
function unclaimed(
  read: PayloadFiles,
  claims: readonly { readonly files: readonly string[] }[],
): readonly Finding[] {
  const claimed = new Set(claims.flatMap(({ files }) => files));
  const unread = read.findings.filter(({ file = '' }) => !claimed.has(file));
  const others = read.inputs.filter(({ file }) => !claimed.has(file));
  return [
    ...unread,
    ...others.map(({ file }) =>
      finding('no-target', { file, message: `${file} is a payload of no target` }),
    ),
  ];
}

/** The images of a configuration, each read once. */
class ImageShelf {
  readonly #config: Config;
  readonly #typed: Pick<ConfigRequest, 'check' | 'xen'>;
  readonly #payloads: readonly InputFile[];
  readonly #images = new Map<string, HypervisorImage | XspliceError>();

  constructor(
    config: Config,
    typed: Pick<ConfigRequest, 'check' | 'xen'>,
    payloads: readonly InputFile[],
  ) {
    this.#config = config;
    this.#typed = typed;
    this.#payloads = payloads;
  }

  /** As a path from where this was started; null where only an id is known. */
  pathOf({ image }: TargetConfig): string | null {
    return image === undefined ? null : relative('.', resolve(this.#config.folder, image));
  }

  /** Null where only an id is known, or where it cannot be read. */
  imageOf(target: TargetConfig): HypervisorImage | null {
    const image = this.#imageOf(target);
    return image instanceof XspliceError ? null : image;
  }

  /** Null where it is not known. */
  idOf(target: TargetConfig): string | null {
    const image = this.#imageOf(target);
    if (image === null) return this.#wholeId(target);
    return image instanceof XspliceError ? null : (image.buildIds[0]?.id ?? null);
  }

  /** What is checked against; or, where its image cannot be used, the finding that there is no verdict. */
  targetOf(target: TargetConfig, own: readonly InputFile[]): CheckTarget | Finding {
    const image = this.#imageOf(target);
    const release = releaseOf(this.#typed.xen ?? target.xen ?? null);
    const file = this.pathOf(target) ?? this.#config.file;
    const id = image === null ? this.#wholeId(target) : null;
    try {
      if (image === null) {
        // The configuration has an image, an id, or a release.
        if (release === null) return targetOfBuildId(id ?? '');
        return targetOfRelease(release, id, () => basesOf(own));
      }
      if (image instanceof XspliceError) throw image;
      const guard = this.#typed.check ?? target.check;
      return targetOfImage(image, { release, guard: guard === 'build-id' ? null : guard });
    } catch (error) {
      if (!(error instanceof XspliceError)) throw error;
      const { message, hint } = error;
      return finding('not-verified', { file, hint, message: `${target.name}: ${message}` });
    }
  }

  /** Of a target without an image; a configuration may have its first digits. */
  #wholeId({ buildId }: TargetConfig): BuildId | null {
    if (buildId === undefined) return null;
    return wholeBuildId(buildId, () => this.#payloads.map(xenDependsOf));
  }

  #imageOf(target: TargetConfig): HypervisorImage | XspliceError | null {
    const path = this.pathOf(target);
    if (path === null) return null;
    const known = this.#images.get(path);
    if (known !== undefined) return known;
    const image = opened(path);
    this.#images.set(path, image);
    return image;
  }
}

function opened(path: string): HypervisorImage | XspliceError {
  try {
    return openImage(path);
  } catch (error) {
    if (error instanceof XspliceError) return error;
    throw error;
  }
}
