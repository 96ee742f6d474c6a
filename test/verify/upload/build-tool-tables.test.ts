import { altCall, alternatives, inRelease, section, testStage } from './cases.js';

testStage('tables of the build tools', [
  {
    title: 'odd bug frames',
    bytes: section('.bug_frames.2', new Uint8Array(7)),
    answer: 'refused bug-frames EINVAL: p: Wrong size 7 of .bug_frames.2 (must be multiple of 8)',
  },
  {
    title: 'bug frames of a kind that Xen does not look for',
    bytes: section('.bug_frames.4', new Uint8Array(7)),
    answer: 'accepted',
  },
  {
    title: 'odd alternatives',
    bytes: section('.altinstructions', new Uint8Array(13)),
    answer:
      'refused alternatives EINVAL: p: Wrong size 13 of .altinstructions (must be multiple of 14)',
  },
  {
    title: 'no alternatives in the section',
    bytes: section('.altinstructions', new Uint8Array(0)),
    answer: 'accepted',
  },
  { title: 'alternatives', bytes: alternatives({}), answer: 'accepted' },
  {
    title: 'alternatives without replacements',
    bytes: alternatives({}, { withReplacement: false }),
    answer:
      'refused alternatives EINVAL: p .altinstructions provided, but no .altinstr_replacement',
    but: { '4.14.0': 'accepted', '4.14.6': 'accepted', '4.17.2': 'accepted' },
  },
  {
    title: 'a replacement longer than the site',
    bytes: alternatives({ replacement: 6 }),
    answer: 'fatal alternatives: BUG_ON in _apply_alternatives: replacement size 6 larger than 5',
    but: inRelease(
      ['4.18.4', '4.20.4', '4.22.0'],
      'refused alternatives ENOSPC: p applying alternatives failed: -28',
    ),
  },
  {
    title: 'a feature past the last',
    bytes: alternatives({ feature: 22 * 32 }),
    answer: 'refused alternatives ERANGE: p applying alternatives failed: -34',
    but: {
      '4.14.0': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 704 not below 416',
      '4.14.6': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 704 not below 608',
      '4.17.2': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 704 not below 608',
      '4.17.7': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 704 not below 672',
    },
  },
  {
    title: 'the last feature of 4.22',
    bytes: alternatives({ feature: 22 * 32 - 1 }),
    answer: 'refused alternatives ERANGE: p applying alternatives failed: -34',
    but: {
      '4.14.0': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 703 not below 416',
      '4.14.6': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 703 not below 608',
      '4.17.2': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 703 not below 608',
      '4.17.7': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 703 not below 672',
      '4.22.0': 'accepted',
    },
  },
  {
    title: 'an inverted feature',
    bytes: alternatives({ feature: 0x8000 }),
    answer: 'accepted',
    but: {
      '4.14.0': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 32768 not below 416',
      '4.14.6': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 32768 not below 608',
      '4.17.2': 'fatal alternatives: BUG_ON in _apply_alternatives: feature 32768 not below 608',
      '4.18.4': 'refused alternatives ERANGE: p applying alternatives failed: -34',
    },
  },
  {
    title: 'a call that is none',
    bytes: altCall('ff 25 00 00 00 00'),
    answer: 'accepted',
    but: {
      '4.22.0': 'refused alt-call-sites EINVAL: p: Applying alternative calls failed: -22',
    },
  },
  { title: 'a call through a pointer', bytes: altCall('ff 15 00 00 00 00'), answer: 'accepted' },
  {
    title: 'odd call sites',
    bytes: section('.alt_call_sites', new Uint8Array(3)),
    answer: 'accepted',
    but: {
      '4.22.0':
        'refused alt-call-sites EINVAL: p: Wrong size 3 of .alt_call_sites (must be multiple of 4)',
    },
  },
  {
    title: 'an odd exception table',
    bytes: section('.ex_table', new Uint8Array(9)),
    answer: 'refused exception-table EINVAL: p: Wrong size 9 of .ex_table (must be multiple of 8)',
  },
  {
    title: 'an exception table that is not loaded',
    bytes: section('.ex_table', new Uint8Array(8), 0n),
    answer: 'fatal exception-table: read of unmapped address 0000000000000000',
    but: inRelease(['4.18.4', '4.20.4', '4.22.0'], 'accepted'),
  },
]);
