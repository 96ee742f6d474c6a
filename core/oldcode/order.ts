import type { Finding } from '../findings/index.js';
import type { Payload } from '../payload/index.js';
import type { Guard } from '../stack/index.js';
import {
  type Answer,
  apply,
  findingsOfFaults,
  type Model,
  upload,
  type Verdict,
} from '../verify/index.js';
import { type GuardSetting, type GuardVerdict, guardPayload } from './guard.js';

/** A payload to be put in order, and the name it would be uploaded under. */
export interface OrderedPayload {
  readonly payload: Payload;
  readonly name: string;
}

/** One payload and what its guard said when it was its turn. */
export interface GuardedPayload extends OrderedPayload {
  readonly verdict: GuardVerdict;
}

/** An order in which payloads can be applied under a guard. */
export interface GuardedOrder {
  readonly order: readonly GuardedPayload[];
  /** Those that no place in the order was found for, with what the guard says once all others are applied. */
  readonly refused: readonly GuardedPayload[];
  /** The hypervisor after the order. */
  readonly model: Model;
}

/**
 * Puts payloads in an order in which each passes its guard when its turn comes. Those that Xen takes
 * by build-id come first, so that NODEPS is used where it has to be and nowhere else; otherwise the
 * order given is kept. Under `old-code` independent payloads can come in any order; of two that
 * overlap and were not made on each other, the first one given is taken and the other one refused.
 */
export function orderByGuard(
  guard: Guard,
  setting: GuardSetting,
  payloads: readonly OrderedPayload[],
): GuardedOrder {
  const order: GuardedPayload[] = [];
  let waiting = [...payloads];
  let { model } = setting;
  let verdicts: readonly GuardedPayload[] = [];
  // Each turn places one payload, or is the last.
  while (waiting.length > 0) {
    const now = { ...setting, model };
    verdicts = waiting.map((one) => ({ ...one, verdict: guardPayload(guard, now, one.payload) }));
    const passing = verdicts.filter(({ verdict }) => verdict.passes);
    const inTurn = [
      ...passing.filter(({ verdict }) => !verdict.needsNodeps),
      ...passing.filter(({ verdict }) => verdict.needsNodeps),
    ];
    const answers = inTurn.map((one) => ({ one, answer: applyOn(model, one) }));
    const next = answers.find(({ answer }) => answer.verdict.outcome.outcome === 'accepted');
    verdicts = verdicts.map((one) => {
      const refused = answers.find((candidate) => candidate.one === one);
      return refused === undefined ? one : withRefusal(one, refused.answer.verdict);
    });
    if (next === undefined) break;
    order.push(next.one);
    model = next.answer.model;
    waiting = waiting.filter(({ payload }) => payload !== next.one.payload);
  }
  return { order, refused: waiting.length === 0 ? [] : verdicts, model };
}

/** What Xen answers to UPLOAD, where it is not loaded yet, and APPLY. */
function applyOn(model: Model, { payload, name, verdict }: GuardedPayload): Answer {
  if (model.payloads.some((loaded) => loaded.name === name)) {
    return apply(model, name, { nodeps: verdict.needsNodeps });
  }
  const uploaded = upload(model, name, payload.elf.bytes);
  if (uploaded.verdict.outcome.outcome !== 'accepted') return uploaded;
  return apply(uploaded.model, name, { nodeps: verdict.needsNodeps });
}

/** A guard that lets a payload pass does not make Xen take it. */
function withRefusal(one: GuardedPayload, { outcome, faults }: Verdict): GuardedPayload {
  if (outcome.outcome === 'accepted') return one;
  const subject = { file: one.payload.file, name: one.name };
  const refusals = findingsOfFaults(subject, 'apply', faults).map(
    (fault): Finding => ({ ...fault, code: 'trial-apply-failed' }),
  );
  const findings = [...one.verdict.findings, ...refusals];
  return { ...one, verdict: { ...one.verdict, passes: false, by: [], findings } };
}
