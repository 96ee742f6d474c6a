import { withContents, withHeader } from '../../support/tiny-model.js';
import { good, testStage } from './cases.js';

testStage('the ELF header', [
  { title: 'a good payload', bytes: good, answer: 'accepted' },
  {
    title: '63 bytes',
    bytes: good.slice(0, 63),
    answer: 'refused elf-header EINVAL: p: Section header is bigger than payload',
  },
  {
    title: 'no ELF',
    bytes: withContents(good, '.text', -64, 1, 0n),
    answer: 'refused elf-header EINVAL: p: Not an ELF payload',
  },
  ...(
    [
      ['version', 2n],
      ['identVersion', 0n],
      ['osAbi', 3n],
      ['abiVersion', 1n],
      ['type', 2n],
      ['segmentCount', 1n],
    ] as const
  ).map(([field, value]) => ({
    title: `${field} ${value}`,
    bytes: withHeader(good, field, value),
    answer: 'refused elf-header EOPNOTSUPP: p: Invalid ELF payload',
  })),
  { title: 'FreeBSD', bytes: withHeader(good, 'osAbi', 9n), answer: 'accepted' },
  {
    title: 'arm64',
    bytes: withHeader(good, 'machine', 183n),
    answer: 'refused elf-header EOPNOTSUPP: p: Unsupported ELF Machine type',
  },
  {
    title: '32 bits',
    bytes: withHeader(good, 'class', 1n),
    answer: 'refused elf-header EOPNOTSUPP: p: Unsupported ELF Machine type',
  },
  {
    title: 'no section names',
    bytes: withHeader(good, 'nameSection', 0n),
    answer: 'refused elf-header EINVAL: p: Section name idx is undefined',
  },
  {
    title: '1024 sections',
    bytes: withHeader(good, 'sectionCount', 1024n),
    answer: 'refused elf-header EOPNOTSUPP: p: Too many (1024) sections',
  },
  {
    title: 'section names past the end',
    bytes: withHeader(good, 'nameSection', 500n),
    answer: 'refused elf-header EINVAL: p: Section name idx (500) is past end of sections (11)',
  },
  {
    title: 'section table at the end',
    bytes: withHeader(good, 'sectionOffset', BigInt(good.length)),
    answer: 'refused elf-header EINVAL: p: Bogus e_shoff',
  },
  {
    title: 'section headers of 63 bytes',
    bytes: withHeader(good, 'sectionEntrySize', 63n),
    answer: 'refused elf-header EINVAL: p: Section header size is 63! Expected 64.',
  },
  {
    title: 'more sections than there is room for',
    bytes: withHeader(good, 'sectionCount', 1000n),
    answer: 'refused elf-header EINVAL: p: Section header size is corrupted',
  },
]);
