import { SHF } from '../../../core/elf/constants.js';
import { withSection } from '../../support/tiny-model.js';
import { ALLOC_EXEC, good, testStage } from './cases.js';

testStage('placement', [
  {
    title: 'writable code',
    bytes: withSection(good, '.text', { flags: ALLOC_EXEC | SHF.WRITE }),
    answer: 'refused placement EOPNOTSUPP',
  },
  {
    title: 'a size near 2^64 that wraps past the length check',
    bytes: withSection(good, '.text', { offset: 64n, size: 0xffff_ffff_ffff_ffffn }),
    answer: 'fatal placement: read of unmapped address ffff82c000201000',
  },
]);
