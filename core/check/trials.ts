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

/** One payload with its verdict, and the hypervisor on which it is loaded; null where it is not accepted. */
export interface PayloadTrial {
  readonly payload: PayloadInput;
  readonly verdict: FileVerdict;
  readonly model: Model | null;
  /** What Xen answers to its upload, alone. */
  readonly uploaded: Verdict;
}

/** Each payload by itself, and as it is used. */
export function tryAll(
  payloads: readonly PayloadInput[],
  base: Model,
  chains: ReadonlyMap<PayloadInput, ChainTrial>,
): readonly PayloadTrial[] {
  return payloads.map((payload) => {
    const { file, name } = payload.planned;
    const alone = upload(base, name, payload.input.bytes);
    const inChain = chains.get(payload);
    const verdict: FileVerdict = {
      file,
      name,
      ...answerOf('upload', alone.verdict),
      inChain: inChain?.answer ?? null,
    };
    const accepted = (inChain?.answer ?? verdict).outcome === 'accepted';
    return {
      payload,
      verdict,
      model: accepted ? (inChain?.model ?? alone.model) : null,
      uploaded: alone.verdict,
    };
  });
}

/** What Xen answers to upload and apply of one payload on top of others, and the hypervisor then. */
export interface ChainTrial {
  readonly answer: XenAnswer;
  readonly model: Model;
}

/** Upload and REPLACE of each, on the hypervisor as it was booted. */
export function tryAlone(
  payloads: readonly PayloadInput[],
  base: Model,
): ReadonlyMap<PayloadInput, ChainTrial> {
  return new Map(payloads.map((payload) => [payload, tryOn(base, payload, 'replace', replace)]));
}

/** Upload and apply, each on top of those before it. */
export function tryOrder(
  order: readonly GuardAnswer[],
  base: Model,
): ReadonlyMap<PayloadInput, ChainTrial> {
  const trials = new Map<PayloadInput, ChainTrial>();
  let below = base;
  for (const { input, verdict } of order) {
    const result = tryInChain(input, below, verdict.needsNodeps);
    trials.set(input, result);
    below = result.model;
  }
  return trials;
}

/** Upload and apply on top of the parents, parents first; payloads that have none are left out. */
export function tryChains(
  payloads: readonly PayloadInput[],
  base: Model,
): ReadonlyMap<PayloadInput, ChainTrial> {
  const after = new Map<string, Model>();
  if (base.buildId !== null) after.set(base.buildId, base);
  const trials = new Map<PayloadInput, ChainTrial>();
  const waiting = new Set(payloads);
  // Each round does at least one, or what is left has no parent to wait for.
  for (let ready = true; ready; ) {
    ready = false;
    for (const payload of waiting) {
      const { depends, buildId } = payload.planned;
      const below = depends === null ? undefined : after.get(depends);
      if (below === undefined) continue;
      const result = tryInChain(payload, below, false);
      trials.set(payload, result);
      waiting.delete(payload);
      if (result.answer.outcome === 'accepted' && buildId !== null && !after.has(buildId)) {
        after.set(buildId, result.model);
      }
      ready = true;
    }
  }
  return trials;
}

function tryInChain(payload: PayloadInput, below: Model, nodeps: boolean): ChainTrial {
  return tryOn(below, payload, 'apply', (model, name) => apply(model, name, { nodeps }));
}

/** Upload and then one action, and the hypervisor then. */
function tryOn(
  below: Model,
  { input, planned: { name } }: PayloadInput,
  operation: Operation,
  act: (model: Model, name: string) => Answer,
): ChainTrial {
  const uploaded = upload(below, name, input.bytes);
  if (uploaded.verdict.outcome.outcome !== 'accepted') {
    return { answer: answerOf('upload', uploaded.verdict), model: below };
  }
  const acted = act(uploaded.model, name);
  const both: Verdict = {
    ...acted.verdict,
    log: [...uploaded.verdict.log, ...acted.verdict.log],
    assumptions: [...uploaded.verdict.assumptions, ...acted.verdict.assumptions],
  };
  return { answer: answerOf(operation, both), model: acted.model };
}
