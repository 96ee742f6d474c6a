import { PAGE_SIZE } from '../abi/address.js';
import { XEN_ERRNO } from '../abi/errno.js';
import { type HookKind, SECTION, VETOING_HOOKS } from '../abi/livepatch.js';
import type { Reason } from './advice.js';
import { shownOnConsole } from './console.js';
import { checkExpectations } from './expectations.js';
import { type AddressSpace, MemoryFault, wrap64 } from './memory.js';
import {
  findPayload,
  type IdSpan,
  type Model,
  type ModelPayload,
  topPayload,
  withPayload,
} from './model.js';
import { patchFunctions, restoreFunctions } from './patching.js';
import type { Rules } from './rules.js';
import type { Answer } from './upload.js';
import {
  type Fault,
  type LogLine,
  type Outcome,
  type Verdict,
  type VerdictStage,
  type Whereabouts,
  XenPanic,
} from './verdict.js';

const POINTER_BYTES = 8;

/** One action while it is replayed: what was printed and assumed so far. */
interface Replay {
  readonly memory: AddressSpace;
  readonly rules: Rules;
  /** What printk was called with, not yet as the console shows it. */
  readonly log: LogLine[];
  readonly assumptions: string[];
}

/** What an action comes to before it is wrapped up as a verdict. */
interface Result {
  readonly model: Model;
  /** Of the hypercall: 0 or a positive errno. */
  readonly errno: number;
  /** Decides the outcome where an errno (of either answer) is not 0. */
  readonly stage: VerdictStage;
  /** What is known of the place, beside what is printed. */
  readonly where?: Whereabouts;
}

/** livepatch_action: UNLOAD. Only of a payload that is not applied. */
export function unload(model: Model, name: string): Answer {
  return act(model, name, (payload, { memory }) => {
    if (payload.state !== 'CHECKED') return { model, errno: XEN_ERRNO.EINVAL, stage: 'state' };
    memory.unmap(payload.allocation.base, payload.allocation.pages * PAGE_SIZE);
    const payloads = model.payloads.filter((p) => p !== payload);
    return { model: { ...model, payloads }, errno: 0, stage: 'state' };
  });
}

/** livepatch_action: REVERT. Only of the top; of a payload that is not applied it does nothing. */
export function revert(model: Model, name: string): Answer {
  return act(model, name, (payload, replay) => {
    if (payload.state !== 'APPLIED') return { model, errno: 0, stage: 'state' };
    const top = topPayload(model);
    if (top !== payload) {
      error(replay, `${name}: can't unload. Top is ${top?.name ?? ''}`);
      return { model, errno: XEN_ERRNO.EBUSY, stage: 'top-of-stack' };
    }
    assumeHook(replay, payload, 'prerevert', 'pre-revert hook function');
    const reverted = revertPayload(replay, model, payload);
    assumeHook(replay, payload, 'postrevert', 'post-revert hook function with rc=0');
    finished(replay, name, 'REVERT', 0);
    return { model: reverted, errno: 0, stage: 'patching' };
  });
}

/** livepatch_action: APPLY. Two of its refusals leave different answers: see the re-apply rule. */
export function apply(model: Model, name: string, options: { readonly nodeps: boolean }): Answer {
  return act(model, name, (payload, replay) => {
    if (payload.state !== 'CHECKED') return { model, errno: 0, stage: 'state' };
    if (payload.reverted && !payload.safeToReapply) {
      error(replay, `${name}: can't revert as payload has .data. Please unload`);
      // The hypercall returns 0: only the payload's rc tells.
      return rememberRc(model, payload, -XEN_ERRNO.EINVAL, 0, 're-apply');
    }
    if (!(options.nodeps && model.rules.has('payloadV2'))) {
      const onTop = topPayload(model);
      const errno = checkDependency(replay, model, payload, onTop);
      if (errno) return { model, errno, stage: 'dependency' };
    }
    const expectations = checkExpectations(replay.memory, model.rules, payload);
    replay.log.push(...expectations.log);
    const { errno, where } = expectations;
    if (errno) return { model, errno, stage: 'expectations', where };
    assumeHook(replay, payload, 'preapply', 'pre-apply hook function');
    const applied = applyPayload(replay, model, payload);
    assumeHook(replay, payload, 'postapply', 'post-apply hook function with rc=0');
    finished(replay, name, 'APPLY', 0);
    return { model: applied, errno: 0, stage: 'patching' };
  });
}

/**
 * livepatch_action: REPLACE. Everything applied is reverted, top first; only then are the
 * expectations checked, so that a failure leaves the host with no patch at all. The re-apply rule
 * is not asked.
 */
export function replace(model: Model, name: string): Answer {
  return act(model, name, (payload, replay) => {
    if (payload.state !== 'CHECKED') return { model, errno: 0, stage: 'state' };
    const errno = checkDependency(replay, model, payload, null);
    if (errno) return { model, errno, stage: 'dependency' };
    const applied = model.applied.flatMap((n) => findPayload(model, n) ?? []);
    if ([payload, ...applied].some((p) => hasVetoingHook(replay.memory, p))) {
      error(replay, `${name}: REPLACE action is not supported on livepatches with vetoing hooks!`);
      return { model, errno: XEN_ERRNO.EOPNOTSUPP, stage: 'vetoing-hooks' };
    }
    const bare = applied.reduceRight<Model>((m, p) => revertPayload(replay, m, p), model);
    const expectations = checkExpectations(replay.memory, model.rules, payload);
    replay.log.push(...expectations.log);
    if (expectations.errno) {
      error(
        replay,
        `${name}: SYSTEM MIGHT BE INSECURE: Replace action has been aborted after reverting ALL payloads!`,
      );
      finished(replay, name, 'REPLACE', -expectations.errno);
      const refused = rememberRc(bare, payload, -expectations.errno, 0, 'expectations');
      return { ...refused, where: expectations.where };
    }
    const after = applyPayload(replay, bare, payload);
    finished(replay, name, 'REPLACE', 0);
    return { model: after, errno: 0, stage: 'patching' };
  });
}

/** What is known of a fault's place, and which advice helps where the stage alone does not tell. */
type Grounds = Whereabouts & { readonly reason?: Reason };

type ActionBody = (payload: ModelPayload, replay: Replay) => Result;

function act(model: Model, name: string, body: ActionBody): Answer {
  const payload = findPayload(model, name);
  const { rules } = model;
  const replay: Replay = { memory: model.memory.fork(), rules, log: [], assumptions: [] };
  if (!payload) {
    return answer(model, replay, { model, errno: XEN_ERRNO.ENOENT, stage: 'lookup' }, null);
  }
  try {
    const result = body(payload, replay);
    const after = findPayload(result.model, name);
    return answer(model, replay, result, after);
  } catch (failure) {
    if (!(failure instanceof MemoryFault || failure instanceof XenPanic)) throw failure;
    const outcome = { outcome: 'fatal', stage: 'patching', cause: failure.message } as const;
    const isState = failure instanceof MemoryFault && failure.address === payload.funcs.address;
    const grounds: Grounds = isState
      ? { reason: 'functions-read-only', section: SECTION.funcs }
      : {};
    return { model, verdict: verdictOf(replay, outcome, null, null, grounds) };
  }
}

function answer(
  before: Model,
  replay: Replay,
  { model, errno, stage, where }: Result,
  payload: ModelPayload | null,
): Answer {
  const payloadRc = payload?.rc ?? null;
  // What an earlier action left in rc says nothing about this one, which did not touch it.
  const failed = errno !== 0 ? errno : model !== before && payloadRc !== null ? -payloadRc : 0;
  const outcome: Outcome =
    failed === 0 ? { outcome: 'accepted' } : { outcome: 'refused', stage, errno: failed };
  const verdict = verdictOf(replay, outcome, errno === 0 ? 0 : -errno, payloadRc, where);
  return { model: model === before ? before : { ...model, memory: replay.memory }, verdict };
}

function verdictOf(
  replay: Replay,
  outcome: Outcome,
  hypercallRc: number | null,
  payloadRc: number | null,
  { reason, ...where }: Grounds = {},
): Verdict {
  const log = shownOnConsole(replay.log);
  const assumptions = [...replay.assumptions, ...replay.memory.guesses];
  const faults: readonly Fault[] =
    outcome.outcome === 'accepted'
      ? []
      : [{ outcome, log, assumptions, where, ...(reason === undefined ? {} : { reason }) }];
  return { outcome, hypercallRc, payloadRc, log, assumptions, faults };
}

/**
 * build_id_dep: the payload's parent must be the last applied payload, or the hypervisor where there
 * is none. REPLACE always compares with the hypervisor.
 */
function checkDependency(
  replay: Replay,
  model: Model,
  payload: ModelPayload,
  onTop: ModelPayload | null,
): number {
  const { memory } = replay;
  if (!onTop && model.buildId === null) return XEN_ERRNO.ENODATA;
  const expectedBytes = onTop ? onTop.buildId.length : (model.buildId?.length ?? 0) / 2;
  // memcmp only where the lengths are equal: an id in memory that is gone faults there.
  if (payload.depends.length === expectedBytes) {
    const expected = onTop ? idText(memory, onTop.buildId) : model.buildId;
    if (idText(memory, payload.depends) === expected) return 0;
  }
  const against = onTop?.name ?? 'hypervisor';
  error(replay, `${payload.name}: check against ${against} build-id failed`);
  return XEN_ERRNO.EINVAL;
}

/** As memcmp reads it: faults where it is not mapped. */
function idText(memory: AddressSpace, { address, length }: IdSpan): string {
  return Buffer.from(memory.read(address, length)).toString('hex');
}

function applyPayload(replay: Replay, model: Model, payload: ModelPayload): Model {
  if (hookIsSet(replay.memory, payload, 'apply')) {
    assumeHook(replay, payload, 'apply', 'apply action hook function');
    // The hook decides what is patched; Xen panics unless it marks every function as applied.
    const functionStates = payload.functionStates.map((state) => ({ ...state, applied: true }));
    return pushApplied(model, { ...payload, functionStates });
  }
  info(replay, `${payload.name}: Applying ${payload.funcs.count} functions`);
  assumeVoidHooks(replay, payload, 'load');
  const functionStates = patchFunctions(replay.memory, model, payload, replay.log);
  printMetadata(replay, payload);
  return pushApplied(model, { ...payload, functionStates });
}

function pushApplied(model: Model, payload: ModelPayload): Model {
  const next = withPayload(model, { ...payload, state: 'APPLIED', rc: 0 });
  return { ...next, applied: [...model.applied, payload.name] };
}

function revertPayload(replay: Replay, model: Model, payload: ModelPayload): Model {
  let functionStates: ModelPayload['functionStates'];
  if (hookIsSet(replay.memory, payload, 'revert')) {
    assumeHook(replay, payload, 'revert', 'revert action hook function');
    functionStates = payload.functionStates.map((state) => ({ ...state, applied: false }));
  } else {
    info(replay, `${payload.name}: Reverting`);
    functionStates = restoreFunctions(replay.memory, model, payload);
    assumeVoidHooks(replay, payload, 'unload');
  }
  const next = withPayload(model, {
    ...payload,
    functionStates,
    state: 'CHECKED',
    rc: 0,
    reverted: true,
  });
  return { ...next, applied: model.applied.filter((name) => name !== payload.name) };
}

/** A refusal that only the payload's rc tells: the hypercall returns `errno`. */
function rememberRc(
  model: Model,
  payload: ModelPayload,
  rc: number,
  errno: number,
  stage: VerdictStage,
): Result {
  const current = findPayload(model, payload.name) ?? payload;
  return { model: withPayload(model, { ...current, rc }), errno, stage };
}

/**
 * is_hook_enabled: the section is loaded and the pointer in it not NULL. Before 4.20 (4.18.4, 4.19.1) a
 * section that is not allocated is at NULL, and its hook silently not there.
 */
function hookIsSet(memory: AddressSpace, payload: ModelPayload, kind: HookKind): boolean {
  const hook = payload.hooks[kind];
  return hook !== undefined && hook.address !== 0n && memory.u64(hook.address) !== 0n;
}

/** A call through a pointer: it faults where there is nothing to execute. */
function callThrough(memory: AddressSpace, pointer: bigint): void {
  memory.u8(memory.u64(pointer));
}

function hasVetoingHook(memory: AddressSpace, payload: ModelPayload): boolean {
  return VETOING_HOOKS.some((kind) => hookIsSet(memory, payload, kind));
}

/** A hook is code, which is not run here: it is taken to succeed, and the verdict says so. */
function assumeHook(replay: Replay, payload: ModelPayload, kind: HookKind, printed: string): void {
  if (!hookIsSet(replay.memory, payload, kind)) return;
  info(replay, `${payload.name}: Calling ${printed}`);
  callThrough(replay.memory, payload.hooks[kind]?.address ?? 0n);
  replay.assumptions.push(`the ${kind} hook of ${payload.name} returns 0`);
}

function assumeVoidHooks(replay: Replay, payload: ModelPayload, kind: 'load' | 'unload'): void {
  const hook = payload.hooks[kind];
  if (!hook?.count) return;
  for (let i = 0; i < hook.count; i++) {
    callThrough(replay.memory, wrap64(hook.address + BigInt(i * POINTER_BYTES)));
  }
  replay.assumptions.push(`the ${hook.count} ${kind} hook(s) of ${payload.name} do no harm`);
}

/** Ours: a console ring of 16 KiB, the default, holds fewer; what is older is dropped there too. */
const MAX_METADATA_LINES = 1024;

/** livepatch_display_metadata. The section ends in a NUL: the metadata stage made sure. */
function printMetadata(replay: Replay, { metadata }: ModelPayload): void {
  if (!metadata || metadata.address === 0n || metadata.sizeBytes === 0n) return;
  info(replay, 'module metadata:');
  const bytes = Buffer.from(replay.memory.read(metadata.address, Number(metadata.sizeBytes)));
  const lines: string[] = [];
  for (let end = bytes.length - 1; end >= 0 && lines.length < MAX_METADATA_LINES; ) {
    const start = end === 0 ? 0 : bytes.lastIndexOf(0, end - 1) + 1;
    lines.push(bytes.toString('latin1', start, end));
    end = start - 1;
  }
  for (const text of lines.reverse()) info(replay, `  ${text}`);
}

function finished(replay: Replay, name: string, action: string, rc: number): void {
  info(replay, `${name} finished ${action} with rc=${rc}`);
}

function info({ log }: Replay, text: string): void {
  log.push({ level: 'info', text });
}

/** Refusals of actions are dprintk's up to 4.12, as those of uploads are. */
function error({ log, rules }: Replay, text: string): void {
  if (rules.has('errorsPrinted')) log.push({ level: 'error', text });
}
