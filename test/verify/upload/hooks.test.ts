import { tinyPayload } from '../../support/tiny-model.js';
import { section, testStage } from './cases.js';

testStage('hooks', [
  {
    title: 'an odd size',
    bytes: section('.livepatch.hooks.load', new Uint8Array(9)),
    answer:
      'refused hooks EINVAL: p: Wrong size 9 of .livepatch.hooks.load (must be multiple of 8)',
  },
  {
    title: 'two pre-apply hooks',
    bytes: tinyPayload({ hooks: { preapply: ['hook_a', 'hook_b'] } }),
    answer: 'refused hooks EINVAL',
  },
  {
    title: 'two load hooks',
    bytes: tinyPayload({ hooks: { load: ['hook_a', 'hook_b'] } }),
    // Symbols of hooks are new symbols.
    answer: 'accepted',
  },
]);
