import { FAR, tinyPayload, withSection } from '../../support/tiny-model.js';
import { ALLOC_EXEC, good, relocation, testStage, without } from './cases.js';

/** Two relocation sections that are loaded, to the same place: the second one comes over the first. */
function tablesInOnePlace(): Uint8Array {
  const place = { flags: ALLOC_EXEC, alignment: 0n };
  const bytes = tinyPayload({
    extraSymbols: [{ name: 'far', section: 0xfff1, value: FAR }],
    extraRelocations: [{ section: '.text', offset: 0n, type: 1, symbol: 'far' }],
  });
  return withSection(withSection(bytes, '.rela.livepatch.funcs', place), '.rela.text', place);
}

const OTHER_NAME = 'refused functions ENOENT: p: Could not resolve old address of ';

testStage('relocation', [
  {
    title: 'against another symbol table',
    bytes: withSection(good, '.rela.livepatch.funcs', { link: 1n }),
    answer:
      'refused relocation EINVAL: p: Relative link of .rela.livepatch.funcs is incorrect (1, expected=8)',
  },
  {
    title: 'entries of 23 bytes',
    bytes: withSection(good, '.rela.livepatch.funcs', { entrySize: 23n }),
    answer: 'refused relocation EINVAL: p: Section relative header is corrupted',
  },
  {
    title: 'without addends',
    bytes: withSection(good, '.rela.livepatch.funcs', { type: 9n }),
    answer: 'refused relocation EOPNOTSUPP: p: SHT_REL relocation unsupported',
  },
  {
    title: 'of no symbol',
    bytes: relocation({ at: 12, size: 4, value: 0n }),
    answer: 'refused relocation EOPNOTSUPP: p: Encountered STN_UNDEF',
  },
  {
    title: 'of a symbol past the end',
    bytes: relocation({ at: 12, size: 4, value: 77n }),
    answer: 'refused relocation EINVAL: p: Relative relocation wants symbol@77 which is past end',
  },
  {
    title: 'of a symbol in a section that is not loaded',
    bytes: without('.rodata.str'),
    answer:
      'refused relocation EINVAL: p: Relocation against ignored symbol strings cannot be resolved',
    // The name is then the offset in the section, and 0 is the first.
    but: { '4.14.0': 'fatal functions: read of unmapped address 0000000000000000' },
  },
  {
    title: 'past the end of its section',
    bytes: relocation({ at: 0, size: 8, value: 97n }),
    answer:
      'refused relocation EINVAL: p: Relative relocation offset is past .livepatch.funcs section',
  },
  {
    title: 'of an unknown type',
    bytes: relocation({ at: 8, size: 4, value: 10n }),
    answer: 'refused relocation EOPNOTSUPP: p: Unhandled relocation 10',
  },
  {
    title: 'further than 2 GiB',
    bytes: tinyPayload({
      extraSymbols: [{ name: 'far', section: 0xfff1, value: FAR }],
      extraRelocations: [{ section: '.text', offset: 1n, type: 2, symbol: 'far' }],
    }),
    answer: 'refused relocation EOVERFLOW: p: Overflow in relocation 0 in .rela.text for .text',
  },
  {
    title: 'sh_info 0',
    bytes: withSection(good, '.rela.livepatch.funcs', { info: 0n }),
    answer: 'fatal relocation: read of unmapped address 0000000000000008',
  },
  {
    title: 'sh_info past the end: the section is not relocated, and its name stays NULL',
    bytes: withSection(good, '.rela.livepatch.funcs', { info: 99n }),
    answer: 'fatal functions: read of unmapped address 0000000000000000',
  },
  {
    title: 'loaded itself: read where it was loaded, once a section has one address',
    bytes: tablesInOnePlace(),
    answer: 'accepted',
    but: { '4.18.4': OTHER_NAME, '4.20.4': OTHER_NAME, '4.22.0': OTHER_NAME },
  },
]);
