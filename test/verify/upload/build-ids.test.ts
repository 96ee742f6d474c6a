import { idBytes } from '../../support/payload-builder.js';
import { note, tinyPayload, withContents, withSection } from '../../support/tiny-model.js';
import { good, inRelease, testStage, without } from './cases.js';

testStage('build-ids', [
  {
    title: 'no note in the build-id',
    bytes: withSection(good, '.note.gnu.build-id', { size: 12n }),
    answer: 'refused own-build-id EINVAL',
  },
  {
    title: 'a note of another type',
    bytes: withContents(good, '.note.gnu.build-id', 8, 4, 4n),
    answer: 'refused own-build-id EINVAL',
    but: inRelease(['4.18.4', '4.20.4', '4.22.0'], 'refused own-build-id ENODATA'),
  },
  {
    title: 'a note of another owner',
    bytes: withContents(good, '.livepatch.depends', 12, 1, 65n),
    answer: 'refused depends EINVAL',
    but: inRelease(['4.18.4', '4.20.4', '4.22.0'], 'refused depends ENODATA'),
  },
  {
    title: 'an id longer than its section',
    bytes: withContents(good, '.livepatch.depends', 4, 4, 21n),
    answer: 'refused depends EINVAL',
  },
  {
    title: 'sizes that wrap around 2^32',
    bytes: withContents(good, '.livepatch.depends', 4, 4, 0xffff_ffffn),
    answer: 'refused depends EINVAL',
  },
  {
    title: 'an empty id',
    bytes: withContents(good, '.livepatch.depends', 4, 4, 0n),
    answer: 'refused depends EINVAL',
  },
  {
    title: 'another hypervisor',
    bytes: tinyPayload({ xenDepends: note(idBytes(0x44)) }),
    answer: 'refused xen-build-id EINVAL: p: check against hypervisor build-id failed',
    but: inRelease(
      ['4.18.4', '4.20.4', '4.22.0'],
      `refused xen-build-id EINVAL:         xen: ${'33'.repeat(20)}`,
    ),
  },
  {
    title: 'another hypervisor and an unknown import: which comes first changed',
    bytes: tinyPayload({ xenDepends: note(idBytes(0x44)), extraSymbols: [{ name: 'gone' }] }),
    answer: 'refused symbol-resolution ENOENT: p: Unknown symbol: gone',
    but: inRelease(
      ['4.18.4', '4.20.4', '4.22.0'],
      `refused xen-build-id EINVAL:         xen: ${'33'.repeat(20)}`,
    ),
  },
  {
    title: 'a damaged .livepatch.xen_depends',
    bytes: withContents(good, '.livepatch.xen_depends', 8, 4, 4n),
    answer: 'refused xen-depends EINVAL',
    but: inRelease(
      ['4.18.4', '4.20.4', '4.22.0'],
      'refused xen-build-id EINVAL: p: failed to parse section .livepatch.xen_depends as build-id: -61',
    ),
  },
  ...(['.note.gnu.build-id', '.livepatch.depends'] as const).map((name) => ({
    title: `${name} that is not loaded`,
    bytes: without(name),
    answer: `fatal ${name === '.livepatch.depends' ? 'depends' : 'own-build-id'}: read of unmapped address 0000000000000000`,
    but: inRelease(['4.18.4', '4.20.4', '4.22.0'], 'accepted'),
  })),
  {
    title: '.livepatch.xen_depends that is not loaded',
    bytes: without('.livepatch.xen_depends'),
    answer: 'fatal xen-depends: read of unmapped address 0000000000000000',
    but: inRelease(['4.18.4', '4.20.4', '4.22.0'], 'accepted'),
  },
]);
