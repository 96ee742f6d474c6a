import { XEN_ERRNO } from '../../abi/errno.js';
import { HOOK_KINDS, hookSection, isHookArray } from '../../abi/livepatch.js';
import { contentsAddress, isWholeEntries, type Stage, sectionByName } from '../loading.js';

const POINTER_BYTES = 8;

/**
 * LIVEPATCH_ASSIGN_MULTI_HOOK and LIVEPATCH_ASSIGN_SINGLE_HOOK in prepare_payload. Up to 4.13 only
 * the load and unload hooks exist.
 */
export const hooks: Stage = (loading) => {
  const kinds = loading.rules.has('payloadV2') ? HOOK_KINDS : (['load', 'unload'] as const);
  for (const kind of kinds) {
    const section = sectionByName(loading, hookSection(kind));
    if (!section) continue;
    if (!isWholeEntries(loading, section, POINTER_BYTES)) return XEN_ERRNO.EINVAL;
    const count = Number(section.header.size / BigInt(POINTER_BYTES));
    if (!isHookArray(kind) && count !== 1) return XEN_ERRNO.EINVAL;
    loading.draft.hooks[kind] = { address: contentsAddress(loading, section), count };
  }
  return 0;
};
