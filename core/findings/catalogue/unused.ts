import { entries } from './entry.js';

const LOOKED_UP = 'livepatch_elf_sec_by_name (common/livepatch_elf.c)';
const ALL = 'All releases.';

/** What is in a payload and what Xen passes over. */
export const UNUSED = entries({
  'relocations-not-performed': {
    severity: 'error',
    title: 'Relocations that Xen does not perform',
    what: 'Xen performs the sections of type RELA whose sh_info names an allocated section, and passes over others without a word. What they would change stays as it is in the file: calls and pointers lead anywhere.',
    where: ['livepatch_elf_perform_relocs (common/livepatch_elf.c)'],
    since: ALL,
    mend: 'Build without compact or packed relocations: no -Wa,--crel, no -z pack-relative-relocs.',
  },
  'second-section-ignored': {
    severity: 'error',
    title: 'Second section of one name',
    what: 'Xen looks some sections up by their name and takes the first. What is in another one of the same name is lost.',
    where: [LOOKED_UP],
    since: ALL,
    mend: 'Give both the same flags and type, so that ld -r joins them: readelf -SW shows the difference.',
  },
  'hook-not-called': {
    severity: 'error',
    title: 'Hook that is never called',
    what: 'The payload has a hook that this release does not look up, does not load, or finds to be NULL. It is never called: what it should do, or veto, is lost.',
    where: ['prepare_payload, is_hook_enabled (common/livepatch.c)', LOOKED_UP],
    since: '.livepatch.hooks.load and unload in all releases, the others since 4.14.',
    mend: 'Use the macros of xen/livepatch_payload.h: they know the names of the sections.',
  },
  'constructors-not-called': {
    severity: 'error',
    title: 'Constructors that are never called',
    what: 'Xen calls constructors and initcalls of its own at boot. It calls none of a payload.',
    where: ['prepare_payload (common/livepatch.c)'],
    since: ALL,
    mend: 'Do that work in a load hook. Constructors that the compiler adds go with --coverage, -fsanitize and the like: build without.',
  },
  'section-not-used': {
    severity: 'warning',
    title: 'Section that this release does not use',
    what: 'The section has a name or a type with a meaning that the loader of this release does not know. To it, it is plain data that nobody looks at. What is left behind by compilers, as unwind tables, is a note.',
    where: ['prepare_payload (common/livepatch.c)', LOOKED_UP],
    since: ALL,
    mend: 'Look the name up: docs/misc/livepatch.pandoc and xen/livepatch_payload.h of that release have those that are used.',
  },
});
