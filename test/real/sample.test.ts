import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { runCli, temporaryFolder } from '../support/cli.js';
import { type RealPair, realSample } from '../support/real-sample.js';
import { assertSaidInEveryFormat, configOf, type SaidOfSample } from '../support/said-of-sample.js';

const named = process.env['XSPLICE_REAL_SAMPLE']?.split(':') ?? [];
const pairs = Array.from(
  { length: named.length / 2 },
  (_, index): RealPair => ({
    symbols: named[2 * index] ?? '',
    family: named[2 * index + 1] ?? '',
  }),
);
const skip = pairs.length === 3 ? false : 'real input is fetched and named by `npm run test:real`';

/** All that is to be said of it, and nothing else: target, file, code, weight. */
const EXPECTED: SaidOfSample = [
  ['', 'xsplice.config.json', 'waiver-expired', 'error'],
  ['r0 alone', 'r0/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
  ['r1 alone', 'r1/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
  ['r1 alone', 'r1/risky/big.livepatch', 'data-prevents-reapply', 'waived'],
  // Its table of pointers has printk, which nobody calls by pointer in this Xen.
  ['r1 alone', 'r1/risky/big.livepatch', 'endbr-missing', 'warning'],
  ['r1 alone', 'r1/risky/norevert.livepatch', 'data-prevents-reapply', 'waived'],
  ['r1 alone', 'r1/wrong/duplicate.livepatch', 'duplicate-content', 'error'],
  ['r1 alone', 'r1/wrong/duplicate.livepatch', 'would-be-refused', 'error'],
  ['r1 alone', 'r1/wrong/expect-wrong.livepatch', 'would-be-refused', 'error'],
  ['r1 alone', 'r1/wrong/nothing-to-patch.livepatch', 'would-be-refused', 'error'],
  ['r1 alone', 'r1/wrong/too-small.livepatch', 'would-be-refused', 'error'],
  ['r1 alone', 'r1/wrong/truncated.livepatch', 'elf-truncated', 'error'],
  ['r1 alone', 'r1/wrong/unknown-function.livepatch', 'would-be-refused', 'error'],
  ['r1 alone', 'r1/wrong/unknown-import.livepatch', 'would-be-refused', 'error'],
  ['r1 alone', 'r1/wrong/wrong-depends.livepatch', 'would-be-refused', 'error'],
  ['r1 alone', 'r1/wrong/wrong-version.livepatch', 'would-be-refused', 'error'],
  ['r1 alone', 'r1/wrong/wrong-xen-depends.livepatch', 'wrong-hypervisor', 'error'],
  ['r2 alone', 'r2/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
];

test('a repository for three real hypervisors gives exactly what is wrong in it, in every format', {
  skip,
}, async (t) => {
  const root = temporaryFolder(t);
  realSample(root, pairs);
  const { payloads, verdicts } = await assertSaidInEveryFormat(root, EXPECTED);
  assert.deepEqual({ payloads, verdicts }, { payloads: 60, verdicts: 60 });

  const page = join(root, 'page.html');
  assert.equal((await runCli(['report', ...configOf(root), '-o', page])).code, 0);
  console.log(`the page of 60 payloads for three real hypervisors: ${statSync(page).size} bytes`);
});
