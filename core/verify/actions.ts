import { PAGE_SIZE } from '../abi/address.js';
import { XEN_ERRNO } from '../abi/errno.js';
import { type HookKind, hookSection, SECTION, VETOING_HOOKS } from '../abi/livepatch.js';
import { nameText } from '../abi/payload-name.js';
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
import { patchFunctions, restoreFunctions, ShortNop } from './patching.js';
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
  /** What it would be about if Xen died now. */
  doing: Grounds;
}

/** What an action comes to before it is wrapped up as a verdict. */
interface Result {
  readonly model: Model;
  /** Of the hypercall: 0 or a positive errno. */
  readonly errno: number;
  /** Decides the outcome where an errno (of either answer) is not 0. */
  readonly stage: VerdictStage;
  /** Why, and what is known of the place beside what is printed; null where an errno of neither answer is set. */
  readonly why: Grounds | null;
}

/** livepatch_action: UNLOAD. Only of a payload that is not applied. */
export function unload(model: Model, name: string): Answer {
  return act(model, name, (payload, { memory }) => {
    if (payload.state !== 'CHECKED') {
      return { model, errno: XEN_ERRNO.EINVAL, stage: 'state', why: { reason: 'still-applied' } };
    }
    memory.unmap(payload.allocation.base, payload.allocation.pages * PAGE_SIZE);
    const payloads = model.payloads.filter((p) => p !== payload);
    return { model: { ...model, payloads }, errno: 0, stage: 'state', why: null };
  });
}

/** livepatch_action: REVERT. Only of the top; of a payload that is not applied it does nothing. */
export function revert(model: Model, name: string): Answer {
  return act(model, name, (payload, replay) => {
    if (payload.state !== 'APPLIED') return { model, errno: 0, stage: 'state', why: null };
    const top = topPayload(model);
    if (top !== payload) {
      error(replay, `${name}: can't unload. Top is ${top?.name ?? ''}`);
      const why: Grounds = {
        reason: 'not-on-top',
        ...(top === null ? {} : { actual: nameText(top.name) }),
      };
      return { model, errno: XEN_ERRNO.EBUSY, stage: 'top-of-stack', why };
    }
    assumeHook(replay, payload, 'prerevert', 'pre-revert hook function');
    const reverted = revertPayload(replay, model, payload);
    assumeHook(replay, payload, 'postrevert', 'post-revert hook function with rc=0');
    finished(replay, name, 'REVERT', 0);
    return { model: reverted, errno: 0, stage: 'patching', why: null };
  });
}

/** livepatch_action: APPLY. Two of its refusals leave different answers: see the re-apply rule. */
export function apply(model: Model, name: string, options: { readonly nodeps: boolean }): Answer {
  return act(model, name, (payload, replay) => {
    if (payload.state !== 'CHECKED') return { model, errno: 0, stage: 'state', why: null };
    if (payload.reverted && !payload.safeToReapply) {
      error(replay, `${name}: can't revert as payload has .data. Please unload`);
      // The hypercall returns 0: only the payload's rc tells.
      return rememberRc(model, payload, -XEN_ERRNO.EINVAL, 're-apply', {
        reason: 'data-not-fresh',
      });
    }
    if (!(options.nodeps && model.rules.has('payloadV2'))) {
      const onTop = topPayload(model);
      const wrong = checkDependency(replay, model, payload, onTop);
      if (wrong !== null) return { model, ...wrong };
    }
    const expectations = checkExpectations(replay.memory, model.rules, payload);
    replay.log.push(...expectations.log);
    const { errno, where, reason } = expectations;
    if (reason !== null) return { model, errno, stage: 'expectations', why: { ...where, reason } };
    assumeHook(replay, payload, 'preapply', 'pre-apply hook function');
    const applied = applyPayload(replay, model, payload);
    assumeHook(replay, payload, 'postapply', 'post-apply hook function with rc=0');
    finished(replay, name, 'APPLY', 0);
    return { model: applied, errno: 0, stage: 'patching', why: null };
  });
}

/**
 * livepatch_action: REPLACE. Everything applied is reverted, top first; only then are the
 * expectations checked, so that a failure leaves the host with no patch at all. The re-apply rule
 * is not asked.
 */
export function replace(model: Model, name: string): Answer {
  return act(model, name, (payload, replay) => {
    if (payload.state !== 'CHECKED') return { model, errno: 0, stage: 'state', why: null };
    const wrong = checkDependency(replay, model, payload, null);
    if (wrong !== null) return { model, ...wrong };
    const applied = model.applied.flatMap((n) => findPayload(model, n) ?? []);
    if ([payload, ...applied].some((p) => hasVetoingHook(replay, p))) {
      error(replay, `${name}: REPLACE action is not supported on livepatches with vetoing hooks!`);
      return {
        ...{ model, errno: XEN_ERRNO.EOPNOTSUPP, stage: 'vetoing-hooks' },
        why: { reason: 'vetoing-hooks' },
      };
    }
    const bare = applied.reduceRight<Model>((m, p) => revertPayload(replay, m, p), model);
    const expectations = checkExpectations(replay.memory, model.rules, payload);
    replay.log.push(...expectations.log);
    const { errno, where, reason } = expectations;
    if (reason !== null) {
      error(
        replay,
        `${name}: SYSTEM MIGHT BE INSECURE: Replace action has been aborted after reverting ALL payloads!`,
      );
      finished(replay, name, 'REPLACE', -errno);
      return rememberRc(bare, payload, -errno, 'expectations', { ...where, reason });
    }
    const after = applyPayload(replay, bare, payload);
    finished(replay, name, 'REPLACE', 0);
    return { model: after, errno: 0, stage: 'patching', why: null };
  });
}

/** Why something fails, and what is known of its place. */
type Grounds = Whereabouts & { readonly reason: Reason };

type ActionBody = (payload: ModelPayload, replay: Replay) => Result;

function act(model: Model, name: string, body: ActionBody): Answer {
  const payload = findPayload(model, name);
  const { rules } = model;
  const memory = model.memory.fork();
  const doing: Grounds = { reason: 'old-code-nowhere' };
  const replay: Replay = { memory, rules, log: [], assumptions: [], doing };
  if (!payload) {
    const why: Grounds = { reason: 'not-loaded' };
    return answer(model, replay, { model, errno: XEN_ERRNO.ENOENT, stage: 'lookup', why }, null);
  }
  try {
    const result = body(payload, replay);
    const after = findPayload(result.model, name);
    return answer(model, replay, result, after);
  } catch (failure) {
    if (!(failure instanceof MemoryFault || failure instanceof XenPanic)) throw failure;
    const outcome = { outcome: 'fatal', stage: 'patching', cause: failure.message } as const;
    const grounds = groundsOf(failure, payload, replay);
    return { model, verdict: verdictOf(replay, outcome, null, null, grounds) };
  }
}

/** Why Xen died: from the access that it died of, or else from what it was doing. */
function groundsOf(failure: Error, { funcs }: ModelPayload, { doing }: Replay): Grounds {
  if (failure instanceof ShortNop) {
    return { reason: 'nop-shorter-than-endbr', symbol: failure.symbol };
  }
  const isState = failure instanceof MemoryFault && failure.address === funcs.address;
  return isState ? { reason: 'functions-read-only', section: SECTION.funcs } : doing;
}

function answer(
  before: Model,
  replay: Replay,
  { model, errno, stage, why }: Result,
  payload: ModelPayload | null,
): Answer {
  const payloadRc = payload?.rc ?? null;
  // What an earlier action left in rc says nothing about this one, which did not touch it.
  const failed = errno !== 0 ? errno : model !== before && payloadRc !== null ? -payloadRc : 0;
  const outcome: Outcome =
    failed === 0 ? { outcome: 'accepted' } : { outcome: 'refused', stage, errno: failed };
  const verdict = verdictOf(replay, outcome, errno === 0 ? 0 : -errno, payloadRc, why);
  return { model: model === before ? before : { ...model, memory: replay.memory }, verdict };
}

function verdictOf(
  replay: Replay,
  outcome: Outcome,
  hypercallRc: number | null,
  payloadRc: number | null,
  why: Grounds | null,
): Verdict {
  const log = shownOnConsole(replay.log);
  const assumptions = [...replay.assumptions, ...replay.memory.guesses];
  const faults =
    outcome.outcome === 'accepted' ? [] : [faultOf(outcome, log, assumptions, why ?? replay.doing)];
  return { outcome, hypercallRc, payloadRc, log, assumptions, faults };
}

function faultOf(
  outcome: Fault['outcome'],
  log: Fault['log'],
  assumptions: Fault['assumptions'],
  { reason, ...where }: Grounds,
): Fault {
  return { outcome, log, assumptions, where, reason };
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
): Pick<Result, 'errno' | 'stage' | 'why'> | null {
  const { memory } = replay;
  const stage = 'dependency';
  if (!onTop && model.buildId === null) {
    return { errno: XEN_ERRNO.ENODATA, stage, why: { reason: 'hypervisor-without-id' } };
  }
  replay.doing = { reason: 'id-not-loaded', section: SECTION.depends };
  const expectedBytes = onTop ? onTop.buildId.length : (model.buildId?.length ?? 0) / 2;
  // memcmp only where the lengths are equal: an id in memory that is gone faults there.
  if (payload.depends.length === expectedBytes) {
    const expected = onTop ? idText(memory, onTop.buildId) : model.buildId;
    if (idText(memory, payload.depends) === expected) {
      replay.doing = { reason: 'old-code-nowhere' };
      return null;
    }
  }
  const against = onTop?.name ?? 'hypervisor';
  error(replay, `${payload.name}: check against ${against} build-id failed`);
  const parent = onTop ? idOrUnknown(memory, onTop.buildId) : model.buildId;
  const depends = idOrUnknown(memory, payload.depends);
  const why: Grounds = {
    reason: 'other-parent',
    ...(parent === null ? {} : { expected: parent }),
    ...(depends === null ? {} : { actual: depends }),
  };
  return { errno: XEN_ERRNO.EINVAL, stage, why };
}

function idOrUnknown(memory: AddressSpace, { address, length }: IdSpan): string | null {
  const bytes = memory.readOrNull(address, length);
  return bytes === null ? null : Buffer.from(bytes).toString('hex');
}

/** As memcmp reads it: faults where it is not mapped. */
function idText(memory: AddressSpace, { address, length }: IdSpan): string {
  return Buffer.from(memory.read(address, length)).toString('hex');
}

function applyPayload(replay: Replay, model: Model, payload: ModelPayload): Model {
  if (hookIsSet(replay, payload, 'apply')) {
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
  if (hookIsSet(replay, payload, 'revert')) {
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

/** A refusal that only the payload's rc tells: the hypercall returns 0. */
function rememberRc(
  model: Model,
  payload: ModelPayload,
  rc: number,
  stage: VerdictStage,
  why: Grounds,
): Result {
  const current = findPayload(model, payload.name) ?? payload;
  return { model: withPayload(model, { ...current, rc }), errno: 0, stage, why };
}

/**
 * is_hook_enabled: the section is loaded and the pointer in it not NULL. Before 4.20 (4.18.4, 4.19.1) a
 * section that is not allocated is at NULL, and its hook silently not there.
 */
function hookIsSet(replay: Replay, payload: ModelPayload, kind: HookKind): boolean {
  const hook = payload.hooks[kind];
  if (hook === undefined || hook.address === 0n) return false;
  return about(replay, hookGrounds(kind), ({ memory }) => memory.u64(hook.address) !== 0n);
}

function hookGrounds(kind: HookKind): Grounds {
  return { reason: 'hook-nowhere', section: hookSection(kind) };
}

/** Does something, about which it is if Xen dies of it. */
function about<T>(replay: Replay, grounds: Grounds, what: (replay: Replay) => T): T {
  const before = replay.doing;
  replay.doing = grounds;
  const result = what(replay);
  replay.doing = before;
  return result;
}

/** A call through a pointer: it faults where there is nothing to execute. */
function callThrough(memory: AddressSpace, pointer: bigint): void {
  memory.u8(memory.u64(pointer));
}

function hasVetoingHook(replay: Replay, payload: ModelPayload): boolean {
  return VETOING_HOOKS.some((kind) => hookIsSet(replay, payload, kind));
}

/** A hook is code, which is not run here: it is taken to succeed, and the verdict says so. */
function assumeHook(replay: Replay, payload: ModelPayload, kind: HookKind, printed: string): void {
  if (!hookIsSet(replay, payload, kind)) return;
  info(replay, `${payload.name}: Calling ${printed}`);
  about(replay, hookGrounds(kind), ({ memory }) =>
    callThrough(memory, payload.hooks[kind]?.address ?? 0n),
  );
  replay.assumptions.push(`the ${kind} hook of ${payload.name} returns 0`);
}

function assumeVoidHooks(replay: Replay, payload: ModelPayload, kind: 'load' | 'unload'): void {
  const hook = payload.hooks[kind];
  if (!hook?.count) return;
  for (let i = 0; i < hook.count; i++) {
    const pointer = wrap64(hook.address + BigInt(i * POINTER_BYTES));
    about(replay, hookGrounds(kind), ({ memory }) => callThrough(memory, pointer));
  }
  replay.assumptions.push(`the ${hook.count} ${kind} hook(s) of ${payload.name} do no harm`);
}

/** Ours: a console ring of 16 KiB, the default, holds fewer; what is older is dropped there too. */
const MAX_METADATA_LINES = 1024;

/** livepatch_display_metadata. The section ends in a NUL: the metadata stage made sure. */
function printMetadata(replay: Replay, { metadata }: ModelPayload): void {
  if (!metadata || metadata.address === 0n || metadata.sizeBytes === 0n) return;
  info(replay, 'module metadata:');
  const texts: Grounds = { reason: 'texts-nowhere', section: SECTION.modinfo };
  const bytes = about(replay, texts, ({ memory }) =>
    Buffer.from(memory.read(metadata.address, Number(metadata.sizeBytes))),
  );
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
