import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryFolder } from '../support/cli.js';
import { assertSaidInEveryFormat, type SaidOfSample } from '../support/said-of-sample.js';
import { sampleRepository } from '../support/sample-repository.js';

/** All that is to be said of the sample, and nothing else: target, file, code, weight. */
const EXPECTED: SaidOfSample = [
  ['', 'xsplice.config.json', 'waiver-expired', 'error'],
  ['a alone', 'a/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
  ['a alone', 'a/risky/nop.livepatch', 'nop-splits-instruction', 'waived'],
  ['a alone', 'a/wrong/duplicate.livepatch', 'duplicate-content', 'error'],
  ['a alone', 'a/wrong/duplicate.livepatch', 'would-be-refused', 'error'],
  ['a alone', 'a/wrong/expect-wrong.livepatch', 'would-be-refused', 'error'],
  ['a alone', 'a/wrong/nothing-to-patch.livepatch', 'would-be-refused', 'error'],
  ['a alone', 'a/wrong/too-small.livepatch', 'would-be-refused', 'error'],
  ['a alone', 'a/wrong/truncated.livepatch', 'elf-truncated', 'error'],
  ['a alone', 'a/wrong/unknown-function.livepatch', 'would-be-refused', 'error'],
  ['a alone', 'a/wrong/unknown-import.livepatch', 'would-be-refused', 'error'],
  ['a alone', 'a/wrong/wrong-depends.livepatch', 'would-be-refused', 'error'],
  ['a alone', 'a/wrong/wrong-version.livepatch', 'would-be-refused', 'error'],
  ['a alone', 'a/wrong/wrong-xen-depends.livepatch', 'wrong-hypervisor', 'error'],
  ['b alone', 'b/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
  ['c alone', 'c/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
  ['c alone', 'c/alone/norevert.livepatch', 'data-prevents-reapply', 'warning'],
];

test('a repository of sixty payloads gives exactly what is wrong in it, in every format', async (t) => {
  const root = join(temporaryFolder(t), 'sample');
  sampleRepository(root);
  const { payloads, errors, warnings, waived } = await assertSaidInEveryFormat(root, EXPECTED);
  assert.deepEqual(
    { payloads, errors, warnings, waived },
    { payloads: 60, errors: 12, warnings: 4, waived: 1 },
  );
});
