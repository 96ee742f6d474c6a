import { requireKnownCode, settingOf } from '../core/change/index.js';
import { type Finding, XspliceError } from '../core/findings/index.js';
import type { OpenHost } from '../core/host/index.js';
import type { Snapshot } from '../core/hypervisor/index.js';
import {
  admit,
  admitReplacement,
  type CodeGuard,
  type GuardSetting,
  planRevertIndependent,
} from '../core/oldcode/index.js';
import { type InputFile, type PayloadInput, readPayloadInputs } from '../core/payload/index.js';
import {
  type Guard,
  type Plan,
  type PlanOptions,
  planApply,
  planApplyUploaded,
  planLoad,
  planReplace,
  planRevert,
  planUnload,
  planUpload,
} from '../core/stack/index.js';
import { exists, readEveryPayloadFile } from './files.js';
import type { Planner } from './run-plan.js';
import { type Settings, usage } from './settings.js';

/** The verbs that change a hypervisor, as `plan` names them too. */
export const VERBS = ['apply', 'revert', 'replace', 'upload', 'unload', 'load'] as const;
export type Verb = (typeof VERBS)[number];

/** Reads the files that a verb takes, and returns what plans it. */
export function plannerFor(verb: Verb, words: readonly string[], settings: Settings): Planner {
  const { check, to } = settings;
  if (check !== 'build-id' && settings.nodeps) {
    throw usage('--nodeps compares nothing, and --check says what to compare', 'Use one of them.');
  }
  if (verb !== 'revert' && words.length === 0) throw usage(`${verb} needs something to work on`);
  switch (verb) {
    case 'revert': {
      const [name, ...files] = words;
      if (name === undefined)
        return withoutFiles((snapshot, host) => planRevert(snapshot, { to }, { host }));
      if (check === 'build-id' || to !== null) {
        throw usage(
          `revert takes no ${JSON.stringify(name)}: it reverts the top`,
          'Say what is to be on top with --to NAME, --to BUILD-ID or --to base; with --check old-code one payload below it can be taken out.',
        );
      }
      return revertOne(name, readAll(files), check);
    }
    case 'unload':
      return withoutFiles((snapshot, host) => planUnload(snapshot, words, { host }));
    case 'apply': {
      const name = nameAmong(words);
      if (name !== null) return applyUploaded(name, settings);
      return applyFiles(readAll(words), settings, planApply);
    }
    case 'upload': {
      const files = readAll(words);
      return planned(files, (snapshot, host) =>
        planUpload(snapshot, plannedOf(files.read), { host }),
      );
    }
    case 'replace': {
      const files = readAll(words);
      const only = onlyOne(verb, files.read);
      if (check !== 'build-id') return replaceGuarded(files, only, check);
      return planned(files, (snapshot, host) => planReplace(snapshot, only.planned, { host }));
    }
    case 'load': {
      const files = readAll(words);
      const only = onlyOne(verb, files.read);
      return applyFiles(files, settings, (snapshot, _, options) =>
        planLoad(snapshot, only.planned, options),
      );
    }
  }
}

type Host = PlanOptions['host'];

function withoutFiles(plan: (snapshot: Snapshot, host: Host) => Plan): Planner {
  return planned({ inputs: [], read: [], findings: [] }, plan);
}

function planned(
  { inputs, findings }: Files,
  plan: (snapshot: Snapshot, host: Host) => Plan,
): Planner {
  return async (snapshot, { port }) => ({
    plan: plan(snapshot, port.host),
    inputs,
    findings,
    guard: null,
  });
}

function applyUploaded(name: string, { check, nodeps }: Settings): Planner {
  if (check !== 'build-id') {
    throw new XspliceError('needs-file', `What ${name} was made against is told by its file only`);
  }
  const guard: Guard = nodeps ? 'nodeps' : 'build-id';
  return withoutFiles((snapshot, host) => planApplyUploaded(snapshot, name, { host, guard }));
}

/** Plans that files are applied. Where code is compared, it is compared on a copy first. */
function applyFiles(files: Files, { check, nodeps }: Settings, plan: typeof planApply): Planner {
  const payloads = plannedOf(files.read);
  if (check === 'build-id') {
    const guard: Guard = nodeps ? 'nodeps' : 'build-id';
    return planned(files, (snapshot, host) => plan(snapshot, payloads, { host, guard }));
  }
  return async (snapshot, host) => {
    const options: PlanOptions = { host: host.port.host, guard: check };
    // What is wrong with the chain is said by its own plan, and says more than the guard would.
    if (check === 'both') plan(snapshot, payloads, options);
    const setting = await knownSetting(host, snapshot, files);
    const { order, admitted, report } = admit(check, setting, snapshot, files.read);
    return {
      plan: plan(snapshot, plannedOf(order), { ...options, admitted }),
      inputs: files.inputs,
      findings: files.findings,
      guard: report,
    };
  };
}

function replaceGuarded(files: Files, only: PayloadInput, check: CodeGuard): Planner {
  return async (snapshot, host) => {
    const plan = planReplace(snapshot, only.planned, { host: host.port.host, guard: check });
    // All that is applied is reverted first: it need not be known what it replaced.
    const setting = await settingOf(await host.preflightModel(snapshot, files.inputs));
    const { inputs, findings } = files;
    return { plan, inputs, findings, guard: admitReplacement(check, setting, only) };
  };
}

function revertOne(name: string, files: Files, check: CodeGuard): Planner {
  return async (snapshot, host) => {
    const options: PlanOptions = { host: host.port.host, guard: check };
    const setting = await knownSetting(host, snapshot, files);
    const plan = planRevertIndependent(snapshot, name, options, setting);
    return { plan, inputs: files.inputs, findings: files.findings, guard: null };
  };
}

async function knownSetting(
  host: OpenHost,
  snapshot: Snapshot,
  { inputs }: Files,
): Promise<GuardSetting> {
  const copy = await host.preflightModel(snapshot, inputs);
  const setting = await settingOf(copy);
  requireKnownCode(setting, copy, snapshot);
  return setting;
}

function plannedOf(read: readonly PayloadInput[]): readonly PayloadInput['planned'][] {
  return read.map(({ planned }) => planned);
}

interface Files {
  readonly inputs: readonly InputFile[];
  readonly read: readonly PayloadInput[];
  /** Of the reader. */
  readonly findings: readonly Finding[];
}

function readAll(words: readonly string[]): Files {
  const inputs = readEveryPayloadFile(words);
  const read = readPayloadInputs(inputs);
  return {
    inputs,
    read,
    findings: read.flatMap(({ payload }) => payload.findings),
  };
}

function onlyOne(verb: Verb, read: readonly PayloadInput[]): PayloadInput {
  const [only, ...others] = read;
  if (only !== undefined && others.length === 0) return only;
  throw usage(`${verb} takes one payload; ${read.length} were given`);
}

/** A single word that is no path names a payload that was uploaded. Paths win; `./x` is always one. */
function nameAmong(words: readonly string[]): string | null {
  const [word, ...others] = words;
  if (word === undefined || others.length > 0) return null;
  if (word.includes('/') || word.endsWith('.livepatch') || exists(word)) return null;
  return word;
}
