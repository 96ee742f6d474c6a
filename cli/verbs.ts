import {
  type Finding,
  type Guard,
  type InputFile,
  type PlanOptions,
  type PlanPayload,
  planApply,
  planApplyUploaded,
  planLoad,
  planReplace,
  planRevert,
  planUnload,
  planUpload,
  readPayloadInputs,
  XspliceError,
} from '../core/index.js';
import { exists, readPayloadFiles } from './files.js';
import type { Planner } from './run-plan.js';
import { type Settings, usage } from './settings.js';

/** The verbs that change a hypervisor, as `plan` names them too. */
export const VERBS = ['apply', 'revert', 'replace', 'upload', 'unload', 'load'] as const;
export type Verb = (typeof VERBS)[number];

/** Reads the files that a verb takes, and returns what plans it. */
export async function plannerFor(
  verb: Verb,
  words: readonly string[],
  settings: Settings,
): Promise<Planner> {
  const guard = guardOf(settings);
  if (verb !== 'revert' && words.length === 0) throw usage(`${verb} needs something to work on`);
  switch (verb) {
    case 'revert': {
      if (words.length > 0) {
        throw usage(
          `revert takes no ${JSON.stringify(words[0])}: it reverts the top`,
          'Say what is to be on top with --to NAME, --to BUILD-ID or --to base.',
        );
      }
      return async (snapshot, host) => ({
        plan: planRevert(snapshot, { to: settings.to }, { host }),
        inputs: [],
        findings: [],
      });
    }
    case 'unload':
      return async (snapshot, host) => ({
        plan: planUnload(snapshot, words, { host }),
        inputs: [],
        findings: [],
      });
    case 'apply': {
      const name = await nameAmong(words);
      if (name !== null) {
        return async (snapshot, host) => ({
          plan: planApplyUploaded(snapshot, name, { host, guard }),
          inputs: [],
          findings: [],
        });
      }
      const files = await readAll(words);
      return planned(files, (snapshot, options) =>
        planApply(snapshot, files.payloads, { ...options, guard }),
      );
    }
    case 'upload': {
      const files = await readAll(words);
      return planned(files, (snapshot, options) => planUpload(snapshot, files.payloads, options));
    }
    case 'replace': {
      const files = await readAll(words);
      const payload = onlyOne(verb, files.payloads);
      return planned(files, (snapshot, options) => planReplace(snapshot, payload, options));
    }
    case 'load': {
      const files = await readAll(words);
      const payload = onlyOne(verb, files.payloads);
      return planned(files, (snapshot, options) =>
        planLoad(snapshot, payload, { ...options, guard }),
      );
    }
  }
}

interface Files {
  readonly inputs: readonly InputFile[];
  readonly payloads: readonly PlanPayload[];
  /** Of the reader. */
  readonly findings: readonly Finding[];
}

function planned(
  { inputs, findings }: Files,
  plan: (
    snapshot: Parameters<Planner>[0],
    options: Pick<PlanOptions, 'host'>,
  ) => ReturnType<typeof planApply>,
): Planner {
  return async (snapshot, host) => ({ plan: plan(snapshot, { host }), inputs, findings });
}

async function readAll(words: readonly string[]): Promise<Files> {
  const { inputs, findings } = await readPayloadFiles(words);
  const [first] = findings;
  if (first !== undefined) {
    throw new XspliceError(first.code, `${first.file}: ${first.message}`, {
      findings,
      ...(first.hint === undefined ? {} : { hint: first.hint }),
    });
  }
  const read = readPayloadInputs(inputs);
  return {
    inputs,
    payloads: read.map(({ planned }) => planned),
    findings: read.flatMap(({ payload }) => payload.findings),
  };
}

function onlyOne(verb: Verb, payloads: readonly PlanPayload[]): PlanPayload {
  const [only, ...others] = payloads;
  if (only !== undefined && others.length === 0) return only;
  throw usage(`${verb} takes one payload; ${payloads.length} were given`);
}

/** A single word that is no path names a payload that was uploaded. Paths win; `./x` is always one. */
async function nameAmong(words: readonly string[]): Promise<string | null> {
  const [word, ...others] = words;
  if (word === undefined || others.length > 0) return null;
  if (word.includes('/') || word.endsWith('.livepatch') || (await exists(word))) return null;
  return word;
}

function guardOf({ check, nodeps }: Settings): Guard {
  if (check !== 'build-id') {
    throw usage(
      `--check ${check} is not available yet`,
      'Use --check build-id, which is the default.',
    );
  }
  return nodeps ? 'nodeps' : 'build-id';
}
