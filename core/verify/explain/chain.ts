import type { Explanation } from '../../findings/index.js';

const DEPENDENCY = 'build_id_dep (common/livepatch.c)';
const PARSE = 'xen_build_id_check (common/version.c)';
const DEPENDS_SINCE = 'All releases for .livepatch.depends, since 4.14 for .livepatch.xen_depends.';

/** Findings about files and how they link, by code. */
export const CHAIN_EXPLANATIONS = {
  'missing-parent': {
    what: 'The payload names a parent by build-id that is neither the hypervisor nor among the files. APPLY would compare the id with that of the top and refuse.',
    where: [DEPENDENCY],
    since: 'All releases.',
    mend: 'Add the payload with that build-id, or build this one on what is there.',
  },
  fork: {
    what: 'Two payloads name the same parent. Once one of them is applied, the top is no longer what the other one names.',
    where: [DEPENDENCY],
    since: 'All releases.',
    mend: 'Take one of them, or build one on the other.',
  },
  cycle: {
    what: 'Following the parents leads back to where it began: none of these can be the first.',
    where: [DEPENDENCY],
    since: 'All releases.',
    mend: 'Build the first one on the hypervisor.',
  },
  'several-roots': {
    what: 'More than one payload is built on the hypervisor itself. Only one can be the first.',
    where: [DEPENDENCY],
    since: 'All releases.',
    mend: 'Check them one at a time, or use REPLACE where they are cumulative.',
  },
  'not-linked': {
    what: 'The payload does not lead back to the hypervisor by its parents.',
    where: [DEPENDENCY],
    since: 'All releases.',
    mend: 'Add what is between, or build it on the hypervisor.',
  },
  cumulative: {
    what: 'Both depends name the hypervisor: the payload holds all fixes, and takes the place of others by REPLACE.',
    where: ['livepatch_action, REPLACE (common/livepatch.c)'],
    since: 'All releases.',
    mend: 'Use one cumulative payload at a time: replace FILE.',
  },
  'wrong-hypervisor': {
    what: 'The payload was built for a hypervisor with another build-id. UPLOAD refuses it, whatever flag is given.',
    where: ['check_xen_buildid, before 4.20 xen_build_id_dep (common/livepatch.c)'],
    since: '4.14.',
    mend: 'Take the payload for this build-id. The same version from another build does not do.',
  },
  'duplicate-build-id': {
    what: 'Two files have one build-id but not the same bytes. The second upload is refused with EEXIST.',
    where: ['prepare_payload (common/livepatch.c)'],
    since: 'All releases.',
    mend: 'Keep one. Different payloads with one id come from copying the note section.',
  },
  'duplicate-content': {
    what: 'Two files are the same, byte for byte. The second upload is refused with EEXIST.',
    where: ['prepare_payload (common/livepatch.c)'],
    since: 'All releases.',
    mend: 'Keep one.',
  },
  'missing-note': {
    what: 'A section with a build-id is not there.',
    where: ['check_special_sections (common/livepatch.c)'],
    since: DEPENDS_SINCE,
    mend: 'Link with --build-id, and add both depends notes with objcopy --add-section.',
  },
  'empty-note': {
    what: 'A section with a build-id is empty.',
    where: ['check_special_sections (common/livepatch.c)'],
    since: DEPENDS_SINCE,
    mend: 'Fill it with the note of the build-id as it is.',
  },
  'malformed-note': {
    what: 'The first note of the section is not a GNU build-id of type 3, or its sizes lead out of it.',
    where: [PARSE],
    since: 'All releases.',
    mend: 'Fill it with the note of the build-id as it is: only the first note of a section counts.',
  },
  'would-be-refused': {
    what: 'The rules of this release, replayed on a model of the hypervisor, refuse the payload. The stage says where.',
    where: [],
    since: 'See the stage.',
    mend: 'Explain the stage: that tells how to mend it.',
  },
  'would-be-fatal': {
    what: 'The hypervisor would read or write memory that is not mapped, or run into a BUG, and the host would be gone. Such a payload is never sent to a hypervisor.',
    where: [],
    since: 'See the stage.',
    mend: 'Explain the stage: that tells how to mend it.',
  },
  'would-be-refused-next': {
    what: 'Xen stops at the first check that refuses. This one looks at something else in the payload, and would refuse once the first is satisfied. At most ten of one check are reported.',
    where: [],
    since: 'See the stage.',
    mend: 'Explain the stage: that tells how to mend it.',
  },
  'would-be-fatal-next': {
    what: 'Xen stops at the first check that refuses. Once that one is satisfied, it would go on to memory that is not mapped, or to a BUG, and the host would be gone.',
    where: [],
    since: 'See the stage.',
    mend: 'Explain the stage: that tells how to mend it.',
  },
  'cannot-be-taken-back': {
    what: 'If a later step fails, what was done is taken back, last first. There is no way back from a REPLACE, from an unload without the file, and from the revert of a payload with data of its own.',
    where: ['livepatch_action (common/livepatch.c)'],
    since: 'All releases.',
    mend: 'Keep the files at hand, or do the steps one by one.',
  },
} as const satisfies Readonly<Record<string, Explanation>>;
