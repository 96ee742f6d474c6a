import { plainFunction, tinyPayload } from '../../support/tiny-model.js';
import { testStage } from './cases.js';

testStage('metadata and new symbols', [
  {
    title: 'metadata that does not end in NUL',
    bytes: tinyPayload({ modinfo: Buffer.from('a=b\0c') }),
    answer: 'refused metadata EINVAL: p: Incorrect metadata format detected',
  },
  {
    title: 'metadata',
    bytes: tinyPayload({ modinfo: Buffer.from('a=b\0') }),
    answer: 'accepted',
  },
  {
    title: 'a symbol that Xen has',
    bytes: tinyPayload({ extraSymbols: [{ name: 'other_fn', section: '.text', value: 16n }] }),
    answer: 'refused new-symbols EEXIST: p: duplicate new symbol: other_fn',
  },
  {
    title: 'the replacing function may have a name that Xen has',
    bytes: tinyPayload({
      functions: [plainFunction({ newAddress: 'plain_fn' })],
    }),
    answer: 'accepted',
  },
]);
