import { HOOK_KINDS, hookSection, SECTION } from '../abi/livepatch.js';
import type { Rules } from './rules.js';

/** BUGFRAME_NR (asm/bug.h), all releases: .bug_frames.0 to .bug_frames.3. */
export const BUGFRAME_NR = 4;

/**
 * The sections that the loader of a release looks for by their names (livepatch_elf_sec_by_name): of each it
 * takes the first one of that name. All others are plain code or data to it, or nothing.
 */
export function sectionsLookedUp({ has }: Rules): readonly string[] {
  const v2 = has('payloadV2');
  return [
    SECTION.funcs,
    ...HOOK_KINDS.filter((kind) => v2 || kind === 'load' || kind === 'unload').map(hookSection),
    SECTION.buildId,
    SECTION.depends,
    ...(v2 ? [SECTION.xenDepends] : []),
    ...Array.from({ length: BUGFRAME_NR }, (_, i) => `.bug_frames.${i}`),
    SECTION.altInstructions,
    ...(has('alternativeRanges') ? [SECTION.altReplacement] : []),
    ...(has('altCalls') ? [SECTION.altCallSites] : []),
    SECTION.exTable,
    ...(v2 ? [SECTION.modinfo] : []),
  ];
}
