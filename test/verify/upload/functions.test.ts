import { FAR, NOWHERE, withSection } from '../../support/tiny-model.js';
import { absolute, good, inRelease, testStage, without } from './cases.js';

testStage('functions', [
  {
    title: 'a size that is no multiple',
    bytes: withSection(good, '.livepatch.funcs', { size: 103n }),
    answer:
      'refused functions EINVAL: p: Wrong size 103 of .livepatch.funcs (must be multiple of 104)',
  },
  {
    title: 'version 1',
    bytes: absolute({ version: 1 }),
    answer: 'refused functions EOPNOTSUPP: p: Wrong version (1). Expected 2',
  },
  {
    title: 'old_size 0',
    bytes: absolute({ oldSize: 0 }),
    answer: 'refused functions EINVAL: p: Address or size fields are zero',
  },
  {
    title: 'an unknown function',
    bytes: absolute({ name: 'gone' }),
    answer: 'refused functions ENOENT: p: Could not resolve old address of gone',
  },
  {
    title: 'an unknown function that is too small: which comes first changed',
    bytes: absolute({ name: 'gone', oldSize: 4 }),
    answer: 'refused functions ENOENT: p: Could not resolve old address of gone',
    but: { '4.14.0': 'refused functions EINVAL' },
  },
  { title: 'room for a jump', bytes: absolute({ oldSize: 5 }), answer: 'accepted' },
  {
    title: 'no room for a jump',
    bytes: absolute({ oldSize: 4 }),
    answer: 'refused functions EINVAL',
  },
  {
    title: 'no room behind ENDBR64',
    bytes: absolute({ name: 'endbr_fn', oldSize: 8 }),
    answer: 'refused functions EINVAL',
    but: { '4.14.0': 'accepted' },
  },
  {
    title: 'room behind ENDBR64',
    bytes: absolute({ name: 'endbr_fn', oldSize: 9 }),
    answer: 'accepted',
  },
  {
    title: 'no room behind a poisoned ENDBR64',
    bytes: absolute({ name: 'poisoned_fn', oldSize: 8 }),
    answer: 'refused functions EINVAL',
    but: { '4.14.0': 'accepted', '4.14.6': 'accepted' },
  },
  {
    title: 'a NOP of 31 bytes',
    bytes: absolute({ newAddress: null, newSize: 31 }),
    answer: 'accepted',
  },
  {
    title: 'a NOP of 32 bytes',
    bytes: absolute({ newAddress: null, newSize: 32 }),
    answer: 'refused functions EOPNOTSUPP',
  },
  {
    title: 'a NOP longer than the function',
    bytes: absolute({ newAddress: null, newSize: 9, oldSize: 8 }),
    answer: 'refused functions EINVAL',
  },
  {
    title: 'further than 2 GiB',
    bytes: absolute({ oldAddress: FAR }),
    answer: 'refused functions EOVERFLOW',
  },
  {
    title: 'an old address that is not mapped: read for ENDBR64',
    bytes: absolute({ oldAddress: NOWHERE }),
    answer: 'fatal functions: read of unmapped address ffff82d07fff0000',
    but: { '4.14.0': 'accepted' },
  },
  {
    title: 'no name',
    bytes: absolute({ name: null }),
    answer: 'fatal functions: read of unmapped address 0000000000000000',
  },
  {
    title: '.livepatch.funcs that is not loaded',
    bytes: without('.livepatch.funcs'),
    answer: 'fatal functions: read of unmapped address 0000000000000020',
    // There the entries are read from the file, where they are not relocated.
    but: inRelease(
      ['4.18.4', '4.20.4', '4.22.0'],
      'fatal functions: read of unmapped address 0000000000000000',
    ),
  },
]);
