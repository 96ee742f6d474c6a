import { dirname, join, resolve } from 'node:path';
import type { Severity } from '../../core/findings/index.js';
import { exists, readTextFile } from '../../core/inputs/index.js';
import type { OPTIONS } from '../options/definitions.js';
import { CONFIG_SCHEMA, type MODES } from '../schemas/config.js';
import type { Mistake } from '../schemas/validate.js';
import { checkedJson, invalidJson } from './json-file.js';

export const CONFIG_NAME = 'xsplice.config.json';

export type Check = (typeof OPTIONS)['check']['choices'][number];
export type Mode = (typeof MODES)[number];

/** A hypervisor that payloads are checked against, as the configuration has it. */
export interface TargetConfig {
  readonly name: string;
  /** Relative to the configuration. */
  readonly image?: string;
  readonly buildId?: string;
  readonly xen?: string;
  /** Files, folders or patterns, relative to the configuration. */
  readonly payloads: readonly string[];
  readonly mode: Mode;
  readonly check: Check;
  readonly failOn: Severity;
}

/** A hazard that is let pass. */
export interface WaiverConfig {
  readonly code: string;
  /** A file or a pattern, relative to the configuration. */
  readonly file: string;
  /** Absent: on every target. */
  readonly target?: string;
  readonly reason: string;
  /** The last day, YYYY-MM-DD, UTC. */
  readonly expires: string;
  /** Of the configuration, from 1. */
  readonly line: number;
}

export interface Config {
  /** As it was named, or found. */
  readonly file: string;
  /** Where its paths begin. */
  readonly folder: string;
  readonly failOn: Severity;
  readonly targets: readonly TargetConfig[];
  readonly waivers: readonly WaiverConfig[];
}

/** The nearest configuration: of this folder, or of one above it; null where there is none. */
export function findConfig(from: string): string | null {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const file = join(folder, CONFIG_NAME);
    if (exists(file)) return file;
    if (dirname(folder) === folder) return null;
  }
}

/** Reads a configuration. Fails with `config-invalid`, whose findings are all mistakes with their lines. */
export function readConfig(file: string): Config {
  return configFrom(readTextFile(file), file);
}

/** The same of a text. */
export function configFrom(text: string, file: string): Config {
  const { value, lines } = checkedJson(text, file, CONFIG_SCHEMA, 'config-invalid');
  // The schema says that it is so.
  const raw = value as RawConfig;
  const others = [
    ...repeatedNames(raw),
    ...unknownTargets(raw),
    ...wrongDates(raw),
    ...wrongChecks(raw),
  ];
  if (others.length > 0) throw invalidJson(file, lines, others, 'config-invalid');
  const failOn = raw.failOn ?? 'error';
  return {
    file,
    folder: dirname(resolve(file)),
    failOn,
    targets: raw.targets.map(({ payloads, ...target }) => {
      const mode = target.mode ?? 'chain';
      return {
        failOn,
        ...target,
        mode,
        check: target.check ?? (mode === 'independent' ? 'old-code' : 'build-id'),
        payloads: [payloads].flat(),
      };
    }),
    waivers: (raw.waivers ?? []).map((waiver, index) => ({
      ...waiver,
      line: lines.get(`/waivers/${index}`) ?? 1,
    })),
  };
}

interface RawConfig {
  readonly failOn?: Severity;
  readonly targets: readonly (Partial<Omit<TargetConfig, 'payloads' | 'name'>> & {
    readonly name: string;
    readonly payloads: string | readonly string[];
  })[];
  readonly waivers?: readonly Omit<WaiverConfig, 'line'>[];
}

function repeatedNames({ targets }: RawConfig): readonly Mistake[] {
  const seen = new Set<string>();
  return targets.flatMap(({ name }, index) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [
      { path: `/targets/${index}/name`, message: `${JSON.stringify(name)} stands here twice` },
    ];
  });
}

function unknownTargets({ targets, waivers = [] }: RawConfig): readonly Mistake[] {
  const names = new Set(targets.map(({ name }) => name));
  return waivers.flatMap(({ target }, index) =>
    target === undefined || names.has(target)
      ? []
      : [
          {
            path: `/waivers/${index}/target`,
            message: `is ${JSON.stringify(target)}, which is no target here`,
          },
        ],
  );
}

function wrongDates({ waivers = [] }: RawConfig): readonly Mistake[] {
  return waivers.flatMap(({ expires }, index) => {
    const date = new Date(`${expires}T00:00:00Z`);
    const isDate = !Number.isNaN(date.valueOf()) && date.toISOString().startsWith(expires);
    return isDate
      ? []
      : [{ path: `/waivers/${index}/expires`, message: `is ${expires}, which is no date` }];
  });
}

/** What cannot be meant together. */
function wrongChecks({ targets }: RawConfig): readonly Mistake[] {
  return targets.flatMap(({ image, mode, check = 'build-id' }, index) => {
    const path = `/targets/${index}`;
    const wrong = (message: string) => [{ path, message }];
    if (mode === 'independent' && check === 'both') {
      return wrong('is independent and compares build-ids too: one of these cannot be meant');
    }
    const isCompared = check !== 'build-id' || mode === 'independent';
    return image === undefined && isCompared ? wrong('compares code, which needs an image') : [];
  });
}
