import { withSection } from '../../support/tiny-model.js';
import { good, testStage } from './cases.js';

testStage('the section table', [
  {
    title: 'contents inside the header',
    bytes: withSection(good, '.text', { offset: 63n }),
    answer: 'refused section-table EINVAL: p: Section [1] data at ELF header of payload',
  },
  {
    title: 'contents past the end',
    bytes: withSection(good, '.text', { offset: BigInt(good.length) }),
    answer: 'refused section-table EINVAL: p: Section [1] data is past end of payload',
  },
  {
    title: 'an alignment of 3',
    bytes: withSection(good, '.text', { alignment: 3n }),
    answer: 'refused section-table EOPNOTSUPP: p: Section [1] alignment (0x3) is not supported',
  },
  {
    title: 'an address that is not aligned',
    bytes: withSection(good, '.text', { address: 8n }),
    answer:
      'refused section-table EINVAL: p: Section [1] addr (0x8) is not aligned properly (0x10)',
  },
  {
    title: 'a .bss above 2 MiB',
    bytes: withSection(good, '.text', { type: 8n, size: 0x200001n }),
    answer: 'refused section-table EINVAL',
  },
  {
    title: 'two symbol tables',
    bytes: withSection(good, '.text', { type: 2n }),
    answer: 'refused section-table EOPNOTSUPP: p: Unsupported multiple symbol tables',
  },
  {
    title: 'string table past the end',
    bytes: withSection(good, '.symtab', { link: 12n }),
    answer: 'refused section-table EINVAL: p: Symbol table idx (12) to strtab past end (11)',
  },
  {
    title: 'no symbol table',
    bytes: withSection(good, '.symtab', { type: 1n }),
    answer: 'refused section-table EINVAL: p: No symbol table found',
  },
  {
    title: 'a symbol table of odd size',
    bytes: withSection(good, '.symtab', { size: 25n }),
    answer: 'refused section-table EINVAL: p: Symbol table header is corrupted',
  },
  {
    title: 'a string table that is none',
    bytes: withSection(good, '.strtab', { type: 1n }),
    answer: 'refused section-table EINVAL: p: String table section is corrupted',
  },
  {
    title: 'sh_link 0',
    bytes: withSection(good, '.symtab', { link: 0n }),
    answer: 'fatal section-table: read of unmapped address 0000000000000004',
  },
]);
