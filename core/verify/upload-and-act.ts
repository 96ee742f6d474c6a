import { apply, replace } from './actions.js';
import type { Operation } from './answer.js';
import type { Model } from './model.js';
import { upload } from './upload.js';
import type { Verdict } from './verdict.js';

/** How a payload is used that is brought in for it. */
export type Use =
  | { readonly operation: 'apply'; readonly nodeps: boolean }
  | { readonly operation: 'replace' };

/** What Xen answers to both, and the hypervisor then. */
export interface UsedAnswer {
  /** The upload where that is what Xen does not accept. */
  readonly operation: Operation;
  readonly verdict: Verdict;
  readonly model: Model;
}

/** Upload, and then one action. */
export function uploadAndAct(model: Model, name: string, bytes: Uint8Array, use: Use): UsedAnswer {
  const uploaded = upload(model, name, bytes);
  if (uploaded.verdict.outcome.outcome !== 'accepted') {
    return { operation: 'upload', verdict: uploaded.verdict, model };
  }
  const acted =
    use.operation === 'apply'
      ? apply(uploaded.model, name, { nodeps: use.nodeps })
      : replace(uploaded.model, name);
  const verdict: Verdict = {
    ...acted.verdict,
    log: [...uploaded.verdict.log, ...acted.verdict.log],
    assumptions: [...uploaded.verdict.assumptions, ...acted.verdict.assumptions],
  };
  return { operation: use.operation, verdict, model: acted.model };
}
