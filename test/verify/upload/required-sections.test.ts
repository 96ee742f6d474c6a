import { tinyPayload, withSection } from '../../support/tiny-model.js';
import { good, inRelease, testStage } from './cases.js';

testStage('sections that have to be there', [
  {
    title: 'no .livepatch.depends',
    bytes: tinyPayload({ depends: null }),
    answer: 'refused special-sections EINVAL: p: .livepatch.depends is missing',
  },
  {
    title: 'an empty .livepatch.depends',
    bytes: withSection(good, '.livepatch.depends', { size: 0n }),
    answer: 'refused special-sections EINVAL: p: .livepatch.depends is empty',
  },
  {
    title: 'no build-id',
    bytes: tinyPayload({ buildId: null }),
    answer: 'refused special-sections EINVAL: p: .note.gnu.build-id is missing',
  },
  {
    title: 'no .livepatch.xen_depends',
    bytes: tinyPayload({ xenDepends: null }),
    answer: 'refused special-sections EINVAL: p: .livepatch.xen_depends is missing',
    but: inRelease(
      ['4.18.4', '4.20.4', '4.22.0'],
      'refused xen-build-id EINVAL: p: section .livepatch.xen_depends is missing',
    ),
  },
  {
    title: 'nothing to patch',
    bytes: withSection(good, '.livepatch.funcs', { name: 1n }),
    answer: 'refused patching-sections EINVAL: p: Nothing to patch. Aborting...',
  },
  {
    title: 'empty .livepatch.funcs',
    bytes: tinyPayload({ functions: [] }),
    answer: 'refused patching-sections EINVAL: p: .livepatch.funcs is empty',
  },
]);
