import { XEN_ERRNO } from '../../abi/errno.js';
import { HOOK_KINDS, hookSection, SECTION } from '../../abi/livepatch.js';
import {
  type Loading,
  loadingSectionByName,
  refuse,
  type Stage,
  type StageResult,
} from '../loading.js';

/**
 * check_special_sections: the id sections have to be there and not empty. Up to 4.13 the list begins
 * with .livepatch.funcs; 4.14 added .livepatch.xen_depends, which the early comparison of 4.20
 * (4.18.4, 4.19.1) took out again.
 */
export const specialSections: Stage = (loading) => {
  const { rules } = loading;
  const names = [
    ...(rules.has('payloadV2') ? [] : [SECTION.funcs]),
    SECTION.depends,
    ...(rules.has('payloadV2') && !rules.has('buildIdFirst') ? [SECTION.xenDepends] : []),
    SECTION.buildId,
  ];
  let fault: StageResult = 0;
  for (const name of names) {
    const section = loadingSectionByName(loading, name);
    if (!section) {
      fault = refuse(loading, XEN_ERRNO.EINVAL, `: ${name} is missing`, {
        reason: 'section-missing',
        section: name,
      });
    } else if (section.header.size === 0n) fault = isEmpty(loading, name);
  }
  return fault;
};

/** check_patching_sections: something to do, and nothing of it empty. Since 4.14. */
export const patchingSections: Stage = (loading) => {
  let found = false;
  let fault: StageResult = 0;
  for (const name of [SECTION.funcs, ...HOOK_KINDS.map(hookSection)]) {
    const section = loadingSectionByName(loading, name);
    if (!section) continue;
    if (section.header.size === 0n) fault = isEmpty(loading, name);
    found = true;
  }
  if (found) return fault;
  return refuse(loading, XEN_ERRNO.EINVAL, ': Nothing to patch. Aborting...', {
    reason: 'nothing-to-patch',
  });
};

function isEmpty(loading: Loading, name: string): StageResult {
  return refuse(loading, XEN_ERRNO.EINVAL, `: ${name} is empty`, {
    reason: 'section-empty',
    section: name,
  });
}
