import type { Model } from './model.js';

/**
 * Names of the loaded payloads that Xen will not apply again as they are: they were reverted and have
 * data of their own, so they have to be unloaded and uploaded anew.
 */
export function stalePayloads(model: Model): ReadonlySet<string> {
  const stale = model.payloads.filter(
    ({ state, reverted, safeToReapply }) => state === 'CHECKED' && reverted && !safeToReapply,
  );
  return new Set(stale.map(({ name }) => name));
}
