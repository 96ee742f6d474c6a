import { hostname } from 'node:os';
import { dirname, relative, resolve } from 'node:path';
import { nameText } from '../core/abi/payload-name.js';
import {
  type ChangeOptions,
  type ChangeReport,
  type ChangeRequest,
  type ExpectedStep,
  parseAcceptance,
  payloadsOf,
} from '../core/change/index.js';
import { XspliceError } from '../core/findings/index.js';
import { embeddedDirectory, type HostSpec, hostText } from '../core/host/index.js';
import { readEveryPayloadFile, readTextFile } from '../core/inputs/index.js';
import { type PayloadInput, readPayloadInputs } from '../core/payload/index.js';
import type { Plan, SetMode, StackEntry, Step } from '../core/stack/index.js';
import { checkedJson, invalidJson } from './config/index.js';
import type { ChangeVerb } from './options/commands.js';
import type { OptionValues } from './options/values.js';
import { SAVED_PLAN_SCHEMA, SAVED_PLAN_VERSION, VERSIONED_SCHEMA } from './schemas/saved-plan.js';
import { mistakesIn } from './schemas/validate.js';
import { thisTool } from './tool.js';
import { renderJson } from './views/json.js';

/** What a plan may be saved of: not the way back to what was, which is found anew. */
export type PlannedRequest = Exclude<ChangeRequest, { readonly verb: 'return' }>;

/** A plan as it is kept in a file. Names are text; `schemas/saved-plan.ts` has the meaning of each field. */
export interface SavedPlan {
  readonly host: string;
  readonly machine: string | null;
  readonly hypervisor: { readonly buildId: string | null; readonly version: string };
  readonly request: SavedRequest;
  readonly accepted: readonly string[];
  readonly plan: Pick<Plan, 'fingerprint' | 'before' | 'after'> & {
    readonly steps: readonly (ExpectedStep & Pick<Step, 'reason' | 'file'>)[];
  };
}

type SavedRequest = Pick<OptionValues, 'check' | 'nodeps' | 'to'> & {
  readonly verb: ChangeVerb;
  readonly mode: SetMode;
  readonly names: readonly string[];
  readonly files: readonly { readonly file: string; readonly sha256: string }[];
};

/** Ours: more than any plan needs; a step takes some 400 bytes. */
const MAX_SIZE = 16 * 1024 * 1024;

/** The text of a plan that is to be kept in `file`. */
export function savedPlanText(
  { plan, snapshot, accepted }: ChangeReport & { readonly plan: Plan },
  request: PlannedRequest,
  spec: HostSpec,
  file: string,
): string {
  const { fingerprint, before, steps, after } = plan;
  const { buildId, version } = snapshot.hypervisor;
  const saved: SavedPlan = {
    ...placeOf(spec),
    hypervisor: { buildId, version },
    request: savedRequest(request, dirname(resolve(file))),
    accepted: [...new Set(accepted.map(acceptanceText))],
    plan: {
      fingerprint,
      before: before.map(named),
      steps: steps.map(named),
      after: after.map(named),
    },
  };
  return renderJson({ formatVersion: SAVED_PLAN_VERSION, tool: thisTool(), ...saved });
}

/** Reads what `plan --output` wrote. Fails with `plan-damaged`, whose findings are all mistakes with their lines. */
export function readSavedPlan(file: string): SavedPlan {
  const { value, lines } = checkedJson(
    readTextFile(file, MAX_SIZE),
    file,
    VERSIONED_SCHEMA,
    'plan-damaged',
  );
  // The schema says that it is so.
  const { formatVersion } = value as { readonly formatVersion: number };
  const other = `is ${formatVersion}, and this program reads ${SAVED_PLAN_VERSION}`;
  const mistakes =
    formatVersion === SAVED_PLAN_VERSION
      ? mistakesIn(value, SAVED_PLAN_SCHEMA)
      : [{ path: '/formatVersion', message: other }];
  if (mistakes.length > 0) throw invalidJson(file, lines, mistakes, 'plan-damaged');
  return value as SavedPlan;
}

/**
 * What has to hold when a saved plan is carried out: its dangers are let pass, and no others. Fails with
 * `plan-of-other-host` where this is not the host that it was made for, and with `bad-accept`.
 */
export function conditionsOf(
  saved: SavedPlan,
  spec: HostSpec,
): Required<Pick<ChangeOptions, 'accept' | 'expected'>> {
  const here = placeOf(spec);
  if (saved.host !== here.host || saved.machine !== here.machine) {
    throw new XspliceError(
      'plan-of-other-host',
      `The plan was made for ${placeText(saved)}, and the host is ${placeText(here)}`,
    );
  }
  return { accept: saved.accepted.map(parseAcceptance), expected: saved.plan };
}

/**
 * What was wanted, with the payloads as they are now. Fails with `payload-changed` where one is no longer what the
 * plan was made with, and as reading them does.
 */
export function requestOfSaved({ request }: SavedPlan, planFile: string): ChangeRequest {
  const { files } = request;
  const folder = dirname(resolve(planFile));
  const paths = files.map(({ file }) => resolve(folder, file));
  const inputs = readEveryPayloadFile(paths);
  for (const [index, { sha256 }] of files.entries()) {
    const now = inputs.find(({ file }) => file === paths[index]);
    if (now?.sha256 === sha256) continue;
    throw new XspliceError(
      'payload-changed',
      `${paths[index]} has changed since the plan was made: SHA-256 ${now?.sha256}, the plan says ${sha256}`,
    );
  }
  return requestFrom(request, readPayloadInputs(inputs), planFile);
}

function requestFrom(
  { verb, names, check, nodeps, mode, to }: SavedRequest,
  payloads: readonly PayloadInput[],
  planFile: string,
): ChangeRequest {
  const [name] = names;
  const [payload] = payloads;
  switch (verb) {
    case 'apply':
      if (payload === undefined) return { verb: 'apply-loaded', names, nodeps };
      return { verb, payloads, check, nodeps, mode };
    case 'upload':
      return { verb, payloads };
    case 'unload':
      return { verb, names };
    case 'revert':
      if (name === undefined) return { verb, to };
      if (check !== 'build-id') return { verb: 'revert-one', name, payloads, check };
      break;
    case 'load':
      if (payload !== undefined) return { verb, payload, check, nodeps };
      break;
    case 'replace':
      if (payload !== undefined) return { verb, payload, check };
  }
  throw new XspliceError('plan-damaged', `${planFile} does not say what its ${verb} is about`);
}

function savedRequest(request: PlannedRequest, folder: string): SavedRequest {
  const { verb } = request;
  return {
    verb: verb === 'apply-loaded' ? 'apply' : verb === 'revert-one' ? 'revert' : verb,
    names: 'names' in request ? request.names : 'name' in request ? [request.name] : [],
    files: payloadsOf(request).map(({ input: { file, sha256 } }) => ({
      file: pathFrom(folder, file),
      sha256,
    })),
    check: 'check' in request ? (request.check ?? 'build-id') : 'build-id',
    nodeps: 'nodeps' in request && request.nodeps === true,
    mode: 'mode' in request ? (request.mode ?? 'chain') : 'chain',
    to: 'to' in request ? request.to : null,
  };
}

/** Below the folder as it is seen from there, so that both can be moved; else in full. */
function pathFrom(folder: string, file: string): string {
  const path = resolve(file);
  const below = relative(folder, path);
  return below.startsWith('..') ? path : below;
}

/** The host whatever the current folder is, and of `xen`, which every dom0 has, the machine. */
function placeOf(spec: HostSpec): Pick<SavedPlan, 'host' | 'machine'> {
  const directory = embeddedDirectory(spec);
  const host = directory === null ? hostText(spec) : `embedded:${resolve(directory)}`;
  return { host, machine: spec.kind === 'xen' ? hostname() : null };
}

function placeText({ host, machine }: Pick<SavedPlan, 'host' | 'machine'>): string {
  return machine === null ? host : `${host} of ${machine}`;
}

function acceptanceText({ code, payload }: ChangeReport['accepted'][number]): string {
  return payload === undefined ? code : `${code}=${payload}`;
}

function named<T extends StackEntry>(entry: T): T {
  return { ...entry, name: nameText(entry.name) };
}
