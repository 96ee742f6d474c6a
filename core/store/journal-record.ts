import { createHash } from 'node:crypto';
import type { BuildId } from '../abi/ids.js';
import {
  type Codec,
  flag,
  integer,
  isRecord,
  listOf,
  Malformed,
  objectOf,
  oneOf,
  optional,
  orNull,
  text,
} from '../files/index.js';
import { jsonOf } from './store-format.js';
import { buildId, digest } from './stored-payload.js';

/** A payload on the hypervisor. Its place in the list of applied ones is its position. */
export interface Place {
  readonly name: string;
  readonly buildId: BuildId | null;
  readonly depends: BuildId | null;
}

/** What is loaded: the stack, base first, and what is loaded beside it, in the order of upload. */
export interface LoadedState {
  readonly applied: readonly Place[];
  readonly others: readonly Place[];
}

/** A step as it was planned. */
export interface JournalStep extends Place {
  readonly action: 'upload' | 'apply' | 'revert' | 'replace' | 'unload' | 'none';
  /** Of the file that it is about; absent where none was at hand. */
  readonly sha256?: string;
  readonly nodeps?: boolean;
  readonly guard?: 'build-id' | 'old-code' | 'both' | 'nodeps';
}

/** Who asked for it. */
export interface Who {
  readonly uid: number;
  /** The user who logged in, whoever that became since; null where nobody did. */
  readonly loginUid: number | null;
  /** Who called sudo; null where nobody did. */
  readonly sudoUser: string | null;
}

/** What was meant, before anything was done. */
export interface BeginRecord {
  readonly kind: 'begin';
  readonly entry: number;
  /** ISO 8601, of the machine's clock: the number tells the order. */
  readonly at: string;
  readonly host: string;
  readonly bootId: string | null;
  readonly hypervisor: BuildId | null;
  readonly version: string;
  /** The verb that was typed. */
  readonly verb: string;
  readonly tool: string;
  readonly who: Who;
  /** The entry that it takes back; null where it takes none back. */
  readonly undoes: number | null;
  readonly fingerprint: string;
  readonly before: LoadedState;
  readonly planned: LoadedState;
  readonly steps: readonly JournalStep[];
  readonly accepted: readonly { readonly code: string; readonly payload: string | null }[];
}

/** A step that is about to be done. */
export interface IntentRecord {
  readonly kind: 'intent';
  readonly entry: number;
  readonly at: string;
  readonly isTakenBack: boolean;
  readonly step: JournalStep;
}

/** What came of the step whose intent stands before it. */
export interface OutcomeRecord {
  readonly kind: 'outcome';
  readonly entry: number;
  readonly status: 'done' | 'none' | 'failed' | 'busy' | 'skipped';
  readonly hypercallRc: number | null;
  readonly payloadRc: number | null;
  /** What Xen printed about it. */
  readonly log: readonly string[];
  readonly attempts: number;
  readonly elapsedUs: number;
  /** Why it could not be asked, or not be heard; null where it was. */
  readonly error: string | null;
}

/** How it ended. */
export interface EndRecord {
  readonly kind: 'end';
  readonly entry: number;
  readonly at: string;
  readonly outcome: 'done' | 'taken-back' | 'lost' | 'stuck' | 'partial' | 'unknown';
  /** Null where it could not be observed. */
  readonly after: LoadedState | null;
}

/** An entry that never ended, or that its host took back: what was found when somebody looked. */
export interface ClosedRecord {
  readonly kind: 'closed';
  readonly entry: number;
  readonly at: string;
  readonly bootId: string | null;
  readonly found: LoadedState;
}

export type JournalRecord = BeginRecord | IntentRecord | OutcomeRecord | EndRecord | ClosedRecord;

const place = { name: text, buildId: orNull(buildId), depends: orNull(buildId) };
const state = objectOf<LoadedState>({
  applied: listOf(objectOf<Place>(place)),
  others: listOf(objectOf<Place>(place)),
});
const step = objectOf<JournalStep>({
  ...place,
  action: oneOf('upload', 'apply', 'revert', 'replace', 'unload', 'none'),
  sha256: optional(digest),
  nodeps: optional(flag),
  guard: optional(oneOf('build-id', 'old-code', 'both', 'nodeps')),
});
const head = { entry: integer, at: text };

/** How each kind is read. */
const RECORDS: {
  readonly [K in JournalRecord['kind']]: Codec<Extract<JournalRecord, { readonly kind: K }>>;
} = {
  begin: objectOf<BeginRecord>({
    ...{ kind: oneOf('begin'), ...head, host: text, bootId: orNull(text) },
    ...{ hypervisor: orNull(buildId), version: text, verb: text, tool: text },
    who: objectOf<Who>({ uid: integer, loginUid: orNull(integer), sudoUser: orNull(text) }),
    ...{ undoes: orNull(integer), fingerprint: text, before: state, planned: state },
    steps: listOf(step),
    accepted: listOf(
      objectOf<{ code: string; payload: string | null }>({ code: text, payload: orNull(text) }),
    ),
  }),
  intent: objectOf<IntentRecord>({
    ...{ kind: oneOf('intent'), ...head, isTakenBack: flag, step },
  }),
  outcome: objectOf<OutcomeRecord>({
    ...{ kind: oneOf('outcome'), entry: integer },
    status: oneOf('done', 'none', 'failed', 'busy', 'skipped'),
    ...{ hypercallRc: orNull(integer), payloadRc: orNull(integer), log: listOf(text) },
    ...{ attempts: integer, elapsedUs: integer, error: orNull(text) },
  }),
  end: objectOf<EndRecord>({
    ...{ kind: oneOf('end'), ...head, after: orNull(state) },
    outcome: oneOf('done', 'taken-back', 'lost', 'stuck', 'partial', 'unknown'),
  }),
  closed: objectOf<ClosedRecord>({
    ...{ kind: oneOf('closed'), ...head, bootId: orNull(text), found: state },
  }),
};

/** Hex digits of its digest that a line begins with. */
const CHECK_DIGITS = 16;

/** A record as a line: the beginning of its digest, and the record as JSON. */
export function formatRecord(record: JournalRecord): string {
  const json = JSON.stringify(record);
  return `${checkOf(json)} ${json}\n`;
}

/** Reads a line without its end; null where it is none, or is not what was written. */
export function parseRecord(line: string): JournalRecord | null {
  const json = line.slice(CHECK_DIGITS + 1);
  if (line !== `${checkOf(json)} ${json}`) return null;
  const value = jsonOf(json);
  const kind = isRecord(value) ? value['kind'] : undefined;
  const known = Object.entries(RECORDS).find(([name]) => name === kind);
  if (known === undefined) return null;
  try {
    return known[1].decode(value, '');
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

function checkOf(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, CHECK_DIGITS);
}
