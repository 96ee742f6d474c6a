import type { Finding } from '../findings/index.js';
import { strayWritesOf } from '../hazards/index.js';
import type { PayloadInput } from '../payload/index.js';
import {
  answerOf,
  type Model,
  type Use,
  type UsedAnswer,
  upload,
  uploadAndAct,
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
  used: Iterable<UsedTrial>,
  look: Look,
  onTried: () => void,
): readonly PayloadTrial[] {
  const inChain = new Map<PayloadInput, UsedTrial>();
  for (const trial of used) {
    inChain.set(trial.payload, trial);
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

/** What Xen answers to upload and use of one payload on top of others, and the hypervisor then. */
export interface ChainTrial extends UsedAnswer {
  readonly payload: PayloadInput;
}

/** The same, with what was found on that hypervisor, which is let go of. */
export interface UsedTrial {
  readonly payload: PayloadInput;
  readonly answer: XenAnswer;
  readonly found: readonly Finding[];
}

export function lookedAt(
  { payload, operation, verdict, model }: ChainTrial,
  look: Look,
): UsedTrial {
  const answer = answerOf(operation, verdict);
  const found = answer.outcome === 'accepted' ? look(payload, model) : [];
  return { payload, answer, found };
}

export function* lookedAtAll(trials: Iterable<ChainTrial>, look: Look): Generator<UsedTrial> {
  for (const trial of trials) yield lookedAt(trial, look);
}

/** Upload and REPLACE of each, on the hypervisor as it was booted. */
export function* tryAlone(payloads: readonly PayloadInput[], base: Model): Generator<ChainTrial> {
  for (const payload of payloads) yield tryOn(base, payload, { operation: 'replace' });
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
      const trial = tryOn(model, payload, { operation: 'apply', nodeps: false });
      const { buildId } = payload.planned;
      if (trial.verdict.outcome.outcome === 'accepted' && buildId !== null) {
        open.push({ id: buildId, model: trial.model });
      }
      yield trial;
    }
  }
}

function tryOn(below: Model, payload: PayloadInput, use: Use): ChainTrial {
  const { planned, input } = payload;
  return { payload, ...uploadAndAct(below, planned.name, input.bytes, use) };
}
