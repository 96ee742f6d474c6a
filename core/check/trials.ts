import type { Finding } from '../findings/index.js';
import { strayWritesOf } from '../hazards/index.js';
import type { GuardAnswer } from '../oldcode/index.js';
import type { PayloadInput } from '../payload/index.js';
import {
  type Answer,
  answerOf,
  apply,
  type Model,
  type Operation,
  replace,
  upload,
  type Verdict,
  type XenAnswer,
} from '../verify/index.js';
import type { FileVerdict } from './file-verdict.js';

/** One payload with its verdict. */
export interface PayloadTrial {
  readonly payload: PayloadInput;
  readonly verdict: FileVerdict;
  /** What Xen does outside it while it loads it, and the hazards where it is accepted. */
  readonly found: readonly Finding[];
}

/** Looks at a payload that Xen accepts, on a hypervisor on which it is loaded. */
export type Look = (payload: PayloadInput, model: Model) => readonly Finding[];

/**
 * Each payload by itself, and as it is used. A hypervisor is let go of as soon as all was asked about it: thousands
 * of them would not fit into memory.
 */
export function tryAll(
  payloads: readonly PayloadInput[],
  base: Model,
  used: Iterable<ChainTrial>,
  look: Look,
  onTried: () => void,
): readonly PayloadTrial[] {
  const inChain = new Map<PayloadInput, Pick<PayloadTrial, 'found'> & { answer: XenAnswer }>();
  for (const { payload, answer, model } of used) {
    const found = answer.outcome === 'accepted' ? look(payload, model) : [];
    inChain.set(payload, { answer, found });
    onTried();
  }
  return payloads.map((payload) => {
    const { file, name } = payload.planned;
    const alone = upload(base, name, payload.input.bytes);
    onTried();
    const chained = inChain.get(payload);
    const verdict: FileVerdict = {
      file,
      name,
      ...answerOf('upload', alone.verdict),
      inChain: chained?.answer ?? null,
    };
    const isAccepted = chained === undefined && verdict.outcome === 'accepted';
    const found = chained?.found ?? (isAccepted ? look(payload, alone.model) : []);
    return { payload, verdict, found: [...strayWritesOf(file, alone.verdict), ...found] };
  });
}

/** What Xen answers to upload and apply of one payload on top of others, and the hypervisor then. */
export interface ChainTrial {
  readonly payload: PayloadInput;
  readonly answer: XenAnswer;
  readonly model: Model;
}

/** Upload and REPLACE of each, on the hypervisor as it was booted. */
export function* tryAlone(payloads: readonly PayloadInput[], base: Model): Generator<ChainTrial> {
  for (const payload of payloads) yield tryOn(base, payload, 'replace', replace);
}

/** Upload and apply, each on top of those before it. */
export function* tryOrder(order: readonly GuardAnswer[], base: Model): Generator<ChainTrial> {
  let below = base;
  for (const { input, verdict } of order) {
    const trial = tryInChain(input, below, verdict.needsNodeps);
    below = trial.model;
    yield trial;
  }
}

/** Upload and apply on top of the parents, parents first; payloads that have none are left out. */
export function* tryChains(payloads: readonly PayloadInput[], base: Model): Generator<ChainTrial> {
  const waiting = new Map<string, PayloadInput[]>();
  for (const payload of payloads) {
    const { depends } = payload.planned;
    if (depends === null) continue;
    const siblings = waiting.get(depends);
    if (siblings === undefined) waiting.set(depends, [payload]);
    else siblings.push(payload);
  }
  const open: { readonly id: string; readonly model: Model }[] = [];
  if (base.buildId !== null) open.push({ id: base.buildId, model: base });
  for (let below = open.pop(); below !== undefined; below = open.pop()) {
    const { id, model } = below;
    const children = waiting.get(id) ?? [];
    // Once only: two may have one id, and a payload may name its own.
    waiting.delete(id);
    for (const payload of children) {
      const trial = tryInChain(payload, model, false);
      const { buildId } = payload.planned;
      if (trial.answer.outcome === 'accepted' && buildId !== null) {
        open.push({ id: buildId, model: trial.model });
      }
      yield trial;
    }
  }
}

function tryInChain(payload: PayloadInput, below: Model, nodeps: boolean): ChainTrial {
  return tryOn(below, payload, 'apply', (model, name) => apply(model, name, { nodeps }));
}

/** Upload and then one action, and the hypervisor then. */
function tryOn(
  below: Model,
  payload: PayloadInput,
  operation: Operation,
  act: (model: Model, name: string) => Answer,
): ChainTrial {
  const { name } = payload.planned;
  const uploaded = upload(below, name, payload.input.bytes);
  if (uploaded.verdict.outcome.outcome !== 'accepted') {
    return { payload, answer: answerOf('upload', uploaded.verdict), model: below };
  }
  const acted = act(uploaded.model, name);
  const both: Verdict = {
    ...acted.verdict,
    log: [...uploaded.verdict.log, ...acted.verdict.log],
    assumptions: [...uploaded.verdict.assumptions, ...acted.verdict.assumptions],
  };
  return { payload, answer: answerOf(operation, both), model: acted.model };
}
