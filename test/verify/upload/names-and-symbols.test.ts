import { withContents, withSection } from '../../support/tiny-model.js';
import { good, symbolOf, testStage } from './cases.js';

testStage('names and symbols', [
  {
    title: 'section names that do not begin with NUL',
    bytes: withContents(good, '.shstrtab', 0, 1, 65n),
    answer: 'refused section-names EINVAL: p: Section string table is corrupted',
  },
  {
    title: 'a section name outside',
    bytes: withSection(good, '.text', { name: 5000n }),
    answer: 'refused section-names EINVAL: p: Section 1 name is not within .shstrtab',
  },
  {
    title: 'a symbol name outside',
    bytes: symbolOf(good, 1, 0, 4, 5000n),
    answer: 'refused symbol-table EINVAL: p: Symbol [1] name is not within .strtab',
  },
  {
    title: 'a common symbol',
    bytes: symbolOf(good, 1, 6, 2, 0xfff2n),
    answer: 'refused symbol-resolution EINVAL: p: Unexpected common symbol: strings',
  },
  {
    title: 'an unknown import',
    bytes: symbolOf(good, 1, 6, 2, 0n),
    answer: 'refused symbol-resolution ENOENT: p: Unknown symbol: strings',
  },
  {
    title: 'a symbol of a section past the end',
    bytes: symbolOf(good, 1, 6, 2, 100n),
    answer: 'refused symbol-resolution EINVAL: p: Out of bounds symbol section 0x64',
  },
  {
    title: 'a symbol of a reserved section',
    bytes: symbolOf(good, 1, 6, 2, 0xff00n),
    answer: 'refused symbol-resolution EOPNOTSUPP: p: Out of bounds symbol section 0xff00',
  },
]);
