import type { CommandName } from '../options/commands.js';
import { usage } from '../usage.js';
import { CONFIG_SCHEMA } from './config.js';
import { POLICY_SCHEMA } from './policy.js';
import { SAVED_PLAN_SCHEMA } from './saved-plan.js';

/** A JSON Schema, of 2020-12. */
export type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const count: Schema = { type: 'integer', minimum: 0 };
const integer: Schema = { type: 'integer' };
const flag: Schema = { type: 'boolean' };
const hex: Schema = { type: 'string', pattern: '^-?0x[0-9a-f]+$' };
const id: Schema = { type: 'string', pattern: '^([0-9a-f]{2})+$' };
/** As docs/findings.md lists them. Each release adds some: a list of them here would refuse what a newer program writes. */
const code: Schema = { type: 'string', pattern: '^[a-z0-9]+(-[a-z0-9]+)*$' };
const any: Schema = {};

function orNull(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] };
}

function listOf(items: Schema): Schema {
  return { type: 'array', items };
}

function choice(...values: readonly (string | number)[]): Schema {
  return { enum: values };
}

/** All of these fields, some of those; others may come within a version. */
function object(
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema {
  return {
    type: 'object',
    required: Object.keys(required),
    properties: { ...required, ...optional },
  };
}

const explanation = object({ what: text, where: listOf(text), mend: text }, { since: text });
const finding = object(
  {
    code,
    severity: choice('error', 'warning', 'note'),
    message: text,
  },
  {
    ...{ hint: text, file: text, payload: text, accepted: flag, otherFiles: listOf(text) },
    ...{ stage: text, errno: count, section: text, symbol: text, offset: hex, line: count },
    ...{ expected: text, actual: text, explanation },
    waiver: object({ reason: text, expires: text }),
  },
);
const findings = listOf(finding);
const tool = object({ name: text, version: text });
const hypervisor = object(
  { buildId: orNull(id) },
  { version: orNull(text), release: orNull(text) },
);
const answer = {
  outcome: choice('accepted', 'refused', 'fatal', 'none', 'not-reached'),
  errno: orNull(count),
  stage: orNull(text),
  cause: orNull(text),
  log: listOf(text),
  assumptions: listOf(text),
};
const place = object({ name: text, buildId: orNull(id), depends: orNull(id) });
const step = object(
  { action: text, name: text },
  { buildId: orNull(id), depends: orNull(id), reason: text, file: text, sha256: text },
);

/** What a document has that is about no error. `formatVersion` is 1 but where it is said. */
function document(
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
  formatVersion = 1,
): Schema {
  const head = { formatVersion: choice(formatVersion), ok: flag, tool };
  return object({ ...head, ...required }, { findings, ...optional });
}

/** What a command writes that ended with an error; a change tells of its plan too. */
const ERROR: Schema = object({
  formatVersion: choice(1),
  ok: { const: false },
  error: object({ code, message: text, hint: text }),
  findings,
});

const checked = {
  ...{ failOn: text, mode: text, hypervisor, notVerified: orNull(text), guard: orNull(any) },
  chain: listOf(
    object({
      ...{ file: text, name: text, sha256: text },
      ...{ buildId: orNull(id), depends: orNull(id), xenDepends: orNull(id) },
    }),
  ),
  verdicts: orNull(
    listOf(
      object({
        file: text,
        name: text,
        operation: text,
        ...answer,
        inChain: orNull(object(answer)),
      }),
    ),
  ),
  unreadable: listOf(object({ file: text, code: text, message: text })),
  findings,
};
const counts = object({
  ...{ targets: count, payloads: count, verdicts: count, accepted: count, refused: count },
  ...{
    fatal: count,
    unreadable: count,
    errors: count,
    warnings: count,
    notes: count,
    waived: count,
  },
});
const skipped = listOf(text);
const checkedOne = { target: text, counts, skipped, ...checked };
const check: Schema = {
  anyOf: [
    document(checkedOne),
    document(
      {
        counts,
        skipped,
        targets: listOf(object({ target: text, image: orNull(text), ok: flag, ...checked })),
        findings,
      },
      {},
      2,
    ),
  ],
};

const change = document(
  { host: text, hypervisor, guard: orNull(any), accepted: listOf(any), executed: flag },
  {
    command: text,
    plan: object({
      ...{ formatVersion: count, fingerprint: text },
      ...{ before: listOf(place), steps: listOf(step), after: listOf(place) },
    }),
    verification: orNull(
      object({
        ...{ ok: flag, notVerified: orNull(text), version: orNull(text) },
        predictions: listOf(object({ action: text, name: text, ...answer })),
      }),
    ),
    execution: object(
      {
        ...{ elapsedMs: { type: 'number' }, outcome: text, interrupted: flag, steps: listOf(step) },
        ...{ undone: listOf(step), lost: listOf(any), after: orNull(listOf(place)) },
      },
      { leftToHost: flag },
    ),
    error: any,
    savedPlan: text,
    confirm: object({ entry: count, seconds: count }),
  },
);

/** A change that waits to be confirmed. */
const unconfirmed = orNull(
  object({
    ...{ entry: count, state: choice('waiting', 'unattended', 'failed', 'overtaken') },
    ...{ secondsLeft: orNull(count), reason: orNull(text) },
  }),
);

const loadedState = object({ applied: listOf(place), others: listOf(place) });

const history = document({
  ...{ host: text, journal: text },
  entries: listOf(
    object({
      ...{ number: count, at: text, host: text, bootId: orNull(text), hypervisor: orNull(id) },
      ...{ version: text, verb: text, tool: text, undoes: orNull(count), fingerprint: text },
      who: object({ uid: integer, loginUid: orNull(count), sudoUser: orNull(text) }),
      accepted: listOf(object({ code: text, payload: orNull(text) })),
      state: choice(
        ...['done', 'taken-back', 'lost', 'stuck', 'partial', 'unknown', 'open', 'interrupted'],
        ...['taken-back-by-host', 'left-to-host'],
      ),
      ...{ endedAt: orNull(text), closedAt: orNull(text) },
      ...{ before: loadedState, planned: loadedState, after: orNull(loadedState) },
      steps: listOf(
        object({
          ...{ at: text, isTakenBack: flag, action: text, name: text, status: orNull(text) },
          ...{ hypercallRc: orNull(integer), payloadRc: orNull(integer), log: listOf(text) },
          ...{
            attempts: orNull(count),
            elapsedMs: orNull({ type: 'number' }),
            error: orNull(text),
          },
        }),
      ),
    }),
  ),
});
/** A change, or that there is none to be made. */
const changeIfAny: Schema = {
  anyOf: [
    change,
    document({ host: text, executed: { const: false } }, { recovered: orNull(count) }),
  ],
};

const milliseconds: Schema = { type: 'number', minimum: 0 };
const testRun = object({ status: orNull(integer), output: text, outputBytes: count });
const seen = object({
  outcome: choice('accepted', 'refused', 'fatal', 'busy'),
  ...{ errno: orNull(count), cause: orNull(text), log: listOf(text) },
  ...{ hypercallRc: orNull(integer), payloadRc: orNull(integer) },
});
const rehearsal = object({
  ...{ hypervisor: object({ buildId: orNull(id), version: text }), bootMs: milliseconds },
  ...{ accelerator: choice('kvm', 'tcg'), withoutKvm: orNull(text) },
  ...{ qemu: text, kernelVersion: text, left: listOf(text) },
  payloads: listOf(
    object({
      ...{ file: text, name: text, skipped: orNull(text), isDeadly: flag, elapsedMs: milliseconds },
      steps: listOf(
        object({
          operation: choice('upload', 'apply', 'replace', 'revert', 'unload'),
          ...{ expected: object(answer), seen, difference: orNull(text), elapsedMs: milliseconds },
        }),
      ),
      tests: listOf(
        object({
          ...{ test: text, isChanged: orNull(flag), isBack: orNull(flag) },
          ...{ before: testRun, with: testRun, after: orNull(testRun) },
        }),
      ),
    }),
  ),
});

const lockstepAnswer = {
  outcome: choice('accepted', 'accepted-with-loss', 'not-proven', 'refused', 'fatal', 'undecided'),
  reason: orNull(code),
  by: orNull(choice('linker', 'host')),
  ...{ says: orNull(text), expected: orNull(text), actual: orNull(text) },
  older: orNull(choice('host', 'module')),
};

const documents: Readonly<Record<Exclude<CommandName, 'graph'>, Schema>> = {
  inspect: document({
    files: listOf(object({ file: text, type: choice('payload', 'image') })),
    findings,
  }),
  check,
  rehearse: document({ ...checkedOne, rehearsal }),
  report: document({ output: text, sizeBytes: count, counts }),
  diff: document(
    {
      isEqual: flag,
      differences: listOf(
        object({
          ...{ kind: text, payload: orNull(text), name: text },
          ...{ left: orNull(text), right: orNull(text) },
        }),
      ),
    },
    { host: text },
  ),
  init: document({ host: text, hypervisor, image: object({ file: text, kind: text }), findings }),
  list: document(
    {
      host: text,
      hypervisor,
      payloads: listOf(
        object({
          ...{ name: text, state: text, rc: integer, buildId: orNull(id), depends: orNull(id) },
          ...{ position: orNull(count), functions: orNull(listOf(text)), metadata: orNull(any) },
          ...{ reverted: orNull(flag), needsUpload: orNull(flag) },
        }),
      ),
    },
    { unconfirmed },
  ),
  confirm: document({ host: text, confirmed: count }),
  ...{ plan: change, apply: change, revert: change, replace: change },
  ...{ upload: change, unload: change, load: change },
  ...{ history, undo: change, recover: changeIfAny, clean: changeIfAny },
  status: document(
    {
      ...{ isAsWanted: flag, host: text, hypervisor, applied: listOf(place), saved: orNull(any) },
      ...{ missing: listOf(place), extra: listOf(place), leftovers: listOf(place) },
      last: orNull(any),
    },
    {
      unconfirmed,
      policies: listOf(object({ source: text, requireSignature: flag, keys: count })),
      signatures: listOf(
        object({
          ...{ name: text, buildId: orNull(id), key: orNull(text) },
          signature: choice('verified', 'unsigned', 'unknown'),
        }),
      ),
    },
  ),
  save: document({
    host: text,
    saved: object({
      ...{ at: text, hypervisor: id, accepted: listOf(any) },
      stack: listOf(
        object({ name: text, buildId: orNull(id), depends: orNull(id), sha256: text, guard: text }),
      ),
    }),
  }),
  restore: changeIfAny,
  store: document({
    ...{ action: choice('add', 'list', 'verify', 'remove', 'prune'), store: text },
    payloads: listOf(
      object({
        ...{ sha256: text, name: text, file: text, from: text, addedAt: text, sizeBytes: count },
        ...{ buildId: orNull(id), depends: orNull(id), xenDepends: orNull(id) },
        signatures: listOf(text),
      }),
    ),
  }),
  which: document({
    host: text,
    hypervisor,
    opaque: listOf(text),
    answers: listOf(object({ asked: text })),
  }),
  record: document({
    ...{ file: text, output: text, record: object({ formatVersion: count }), findings },
    functions: listOf(object({ name: text, functions: count, unknownEdges: count })),
  }),
  sign: document({
    signatures: listOf(object({ file: text, signature: text, format: text, key: text })),
  }),
  'verify-signature': document({
    payloads: listOf(
      object({
        ...{ file: text, sha256: text, isVerified: flag },
        signatures: listOf(
          object({
            ...{ file: text, format: orNull(choice('minisign', 'signify', 'ed25519', 'cms')) },
            state: choice('verified', 'wrong', 'untrusted', 'damaged'),
            key: orNull(object({ file: text, id: text })),
          }),
        ),
      }),
    ),
    unreadable: listOf(object({ file: text, code: text, message: text })),
    findings,
  }),
  lockstep: document({
    counts: object({}),
    hosts: listOf(
      object({
        ...{ host: text, kind: choice('qemu', 'nbdkit', 'linked', 'xen'), version: orNull(text) },
        ...{ packageVersion: orNull(text), stamp: orNull(text), soname: orNull(text) },
        start: object(lockstepAnswer),
        modules: listOf(object({ file: text, missingBytes: count, ...lockstepAnswer })),
      }),
    ),
    findings,
  }),
  agent: document({ source: text }),
  explain: document({ entries: listOf(object({ code: text, kind: choice('code', 'stage') })) }),
};

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';

/** What --format json of a command writes, whatever happens; null where it writes none. */
export function documentSchema(command: CommandName): Schema | null {
  if (command === 'graph') return null;
  return {
    $schema: DRAFT,
    $id: `https://xsplice-ts.invalid/schema/${command}.json`,
    title: `xsplice-ts ${command} --json`,
    anyOf: [documents[command], ERROR],
  };
}

/** Of xsplice.config.json, for editors. */
export function configSchema(): Schema {
  const $id = 'https://xsplice-ts.invalid/schema/config.json';
  return { $schema: DRAFT, $id, title: 'xsplice.config.json', ...CONFIG_SCHEMA };
}

/** Of /etc/xsplice-ts/policy.json, for editors. */
export function policySchema(): Schema {
  const $id = 'https://xsplice-ts.invalid/schema/policy.json';
  return { $schema: DRAFT, $id, title: 'policy.json of xsplice-ts', ...POLICY_SCHEMA };
}

/** Of what plan --output writes. */
export function savedPlanSchema(): Schema {
  const $id = 'https://xsplice-ts.invalid/schema/saved-plan.json';
  return { $schema: DRAFT, $id, title: 'A saved plan of xsplice-ts', ...SAVED_PLAN_SCHEMA };
}

/** The schema as it is printed. Fails with `usage` where the command writes no JSON. */
export function schemaText(command: CommandName): string {
  const schema = documentSchema(command);
  if (schema === null) throw usage(`${command} writes no JSON, so that there is no schema of it`);
  return JSON.stringify(schema, null, 1);
}
