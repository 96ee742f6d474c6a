import type { Finding } from '../findings/index.js';
import { idOrNull, type Payload } from '../payload/index.js';
import type { Guard } from '../stack/index.js';
import {
  apply,
  findingsOfFaults,
  findPayload,
  type Model,
  type UsedAnswer,
  uploadAndAct,
  type Verdict,
} from '../verify/index.js';
import { type CodeContext, type GuardVerdict, guardPayload, parentToName } from './guard.js';

/** A payload to be put in order, and the name it would be uploaded under. */
export interface NamedPayload {
  readonly payload: Payload;
  readonly name: string;
}

/** One payload and what its guard said when it was its turn. */
export interface JudgedPayload extends NamedPayload {
  readonly verdict: GuardVerdict;
}

/** An order in which payloads can be applied under a guard. */
export interface GuardedOrder {
  readonly order: readonly JudgedPayload[];
  /** Those that no place in the order was found for, with what the guard says once all others are applied. */
  readonly refused: readonly JudgedPayload[];
  /** The hypervisor after the order. */
  readonly model: Model;
}

/**
 * Puts payloads in an order in which each passes its guard when its turn comes. Those that Xen takes
 * by build-id come first, so that NODEPS is used where it has to be and nowhere else; otherwise the
 * order given is kept. Under `old-code` independent payloads can come in any order; of two that
 * overlap and were not made on each other, the first one given is taken and the other one refused.
 * `onPlaced` is told of each at its turn, with Xen's answer and the hypervisor then.
 */
export function orderByGuard(
  guard: Guard,
  context: CodeContext,
  payloads: readonly NamedPayload[],
  onPlaced: (one: JudgedPayload, answer: UsedAnswer) => void = () => undefined,
): GuardedOrder {
  const order: JudgedPayload[] = [];
  let waiting = [...payloads];
  let { model } = context;
  // Each turn places one payload, or is the last.
  while (waiting.length > 0) {
    const turn = nextOf(guard, { ...context, model }, waiting);
    if (turn.next === null) return { order, refused: turn.refused, model };
    const { one, answer } = turn.next;
    order.push(one);
    onPlaced(one, answer);
    model = answer.model;
    waiting = waiting.filter(({ payload }) => payload !== one.payload);
  }
  return { order, refused: [], model };
}

/** The first payload that passes and that Xen takes, or why none does: those behind it are not asked about. */
function nextOf(
  guard: Guard,
  context: CodeContext,
  waiting: readonly NamedPayload[],
): {
  readonly next: { readonly one: JudgedPayload; readonly answer: UsedAnswer } | null;
  readonly refused: readonly JudgedPayload[];
} {
  const refused = new Map<NamedPayload, JudgedPayload>();
  const parent = parentToName(context.model);
  const isInTurn = ({ payload }: NamedPayload) =>
    parent !== null && idOrNull(payload.depends) === parent;
  const inTurn = waiting.filter(isInTurn);
  for (const named of [...inTurn, ...waiting.filter((one) => !isInTurn(one))]) {
    const one = { ...named, verdict: guardPayload(guard, context, named.payload, named.name) };
    const answer = one.verdict.passes ? applyOn(context.model, one) : null;
    if (answer?.verdict.outcome.outcome === 'accepted')
      return { next: { one, answer }, refused: [] };
    refused.set(named, answer === null ? one : withRefusal(one, answer.verdict));
  }
  return { next: null, refused: waiting.flatMap((named) => refused.get(named) ?? []) };
}

/** What Xen answers to UPLOAD, where it is not loaded yet, and APPLY. */
function applyOn(
  model: Model,
  { payload, name, verdict: { needsNodeps: nodeps } }: JudgedPayload,
): UsedAnswer {
  const operation = 'apply';
  if (findPayload(model, name) !== null) return { operation, ...apply(model, name, { nodeps }) };
  return uploadAndAct(model, name, payload.elf.bytes, { operation, nodeps });
}

/** A guard that lets a payload pass does not make Xen take it. */
function withRefusal(one: JudgedPayload, { faults }: Verdict): JudgedPayload {
  const subject = { file: one.payload.file, name: one.name };
  const refusals = findingsOfFaults(subject, 'apply', faults).map(
    (fault): Finding => ({ ...fault, code: 'trial-apply-failed' }),
  );
  const findings = [...one.verdict.findings, ...refusals];
  return { ...one, verdict: { ...one.verdict, passes: false, by: [], findings } };
}
