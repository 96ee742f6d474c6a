import { XEN_ERRNO } from '../../abi/errno.js';
import { HOOK_KINDS, hookSection, isHookArray } from '../../abi/livepatch.js';
import {
  checkWholeEntries,
  contentsAddress,
  loadingSectionByName,
  refuse,
  type Stage,
  type StageResult,
} from '../loading.js';
import { wrap32 } from '../memory.js';

const POINTER_BYTES = 8n;

/**
 * LIVEPATCH_ASSIGN_MULTI_HOOK and LIVEPATCH_ASSIGN_SINGLE_HOOK in prepare_payload. Up to 4.13 only
 * the load and unload hooks exist.
 */
export const hooks: Stage = (loading) => {
  const kinds = loading.rules.has('payloadV2') ? HOOK_KINDS : (['load', 'unload'] as const);
  let fault: StageResult = 0;
  for (const kind of kinds) {
    const name = hookSection(kind);
    const section = loadingSectionByName(loading, name);
    if (!section) continue;
    const notWhole = checkWholeEntries(loading, section, Number(POINTER_BYTES));
    if (notWhole) {
      fault = notWhole;
      continue;
    }
    const { size } = section.header;
    if (!isHookArray(kind) && size !== POINTER_BYTES) {
      const [expected, actual] = [`${POINTER_BYTES} bytes`, `${size} bytes`];
      fault = refuse(loading, XEN_ERRNO.EINVAL, null, {
        reason: 'hook-size',
        section: name,
        expected,
        actual,
      });
      continue;
    }
    // n_load_funcs and n_unload_funcs are unsigned ints.
    const count = Number(wrap32(size / POINTER_BYTES));
    loading.draft.hooks[kind] = { address: contentsAddress(loading, section), count };
  }
  return fault;
};
