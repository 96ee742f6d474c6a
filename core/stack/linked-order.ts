import type { Step } from './plan.js';

/** Each behind those of the others that it builds on, else in the order given. */
export function inLinkedOrder<Member extends Pick<Step, 'buildId' | 'depends'>>(
  open: readonly Member[],
): readonly Member[] {
  const byId = new Map(open.map((payload) => [payload.buildId, payload]));
  const order = new Set<Member>();
  for (const payload of open) {
    const below = new Set<Member>();
    let at: Member | undefined = payload;
    while (at !== undefined && !order.has(at) && !below.has(at)) {
      below.add(at);
      at = at.depends === null ? undefined : byId.get(at.depends);
    }
    for (const next of [...below].reverse()) order.add(next);
  }
  return [...order];
}
