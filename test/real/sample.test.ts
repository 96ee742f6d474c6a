import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { runCli, temporaryFolder } from '../support/cli.js';
import { readJunit } from '../support/junit.js';
import { type RealPair, realSample } from '../support/real-sample.js';
import { readAnnotations, readQuality, readSarif } from '../support/report-formats.js';

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
const EXPECTED = [
  ['', 'xsplice.config.json', 'waiver-expired', 'error'],
  ['r0 alone', 'r0/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
  ['r1 alone', 'r1/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
  ['r1 alone', 'r1/risky/big.livepatch', 'data-prevents-reapply', 'waived'],
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
  ['r1 alone', 'r1/wrong/wrong-xen-depends.livepatch', 'would-be-refused', 'error'],
  ['r1 alone', 'r1/wrong/wrong-xen-depends.livepatch', 'wrong-hypervisor', 'error'],
  ['r2 alone', 'r2/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
] as const;

/** By code unit, so that it is the same everywhere. */
function sorted(rows: readonly (readonly unknown[])[]): readonly string[] {
  return rows.map((row) => row.join(' | ')).sort();
}

test('a repository for three real hypervisors gives exactly what is wrong in it, in every format', {
  skip,
}, async (t) => {
  const root = temporaryFolder(t);
  realSample(root, pairs);
  const files = ['json', 'sarif', 'junit', 'gitlab', 'github', 'markdown'].map(
    (format) => [format, join(root, `out.${format}`)] as const,
  );
  const config = ['--config', join(root, 'xsplice.config.json')];
  const { code } = await runCli(
    ['check', ...config, ...files.flatMap(([format, file]) => ['-o', `${format}=${file}`])],
    { env: { GITHUB_WORKSPACE: root } },
  );
  assert.equal(code, 3);
  const of = Object.fromEntries(
    files.map(([format, file]) => [format, readFileSync(file, 'utf8')]),
  );
  const { counts } = JSON.parse(of['json'] ?? '');
  assert.equal(counts.payloads, 60);
  assert.equal(counts.verdicts, 60);
  const sarif = readSarif(of['sarif'] ?? '').runs[0]?.results ?? [];
  const found = sarif.map(({ properties, locations, ruleId, level, suppressions }) => [
    properties.target ?? '',
    locations[0]?.physicalLocation.artifactLocation.uri,
    ruleId,
    suppressions === undefined ? level : 'waived',
  ]);
  assert.deepEqual(sorted(found), sorted(EXPECTED));
  const open = EXPECTED.filter(([, , , weight]) => weight !== 'waived');
  assert.deepEqual(
    sorted(readQuality(of['gitlab'] ?? '').map((issue) => [issue.location.path, issue.check_name])),
    sorted(open.map(([, file, name]) => [file, name])),
  );
  assert.equal(readAnnotations(of['github'] ?? '').length, open.length);
  const failed = readJunit(of['junit'] ?? '').children.flatMap((suite) =>
    suite.children.filter(({ children }) => children.some(({ name }) => name === 'failure')),
  );
  const wrong = EXPECTED.filter(([, , , weight]) => weight === 'error');
  assert.equal(failed.length, new Set(wrong.map(([target, file]) => `${target} ${file}`)).size);
  const items = (of['markdown'] ?? '').split('\n').filter((line) => line.startsWith('- '));
  assert.equal(items.length, EXPECTED.length);

  const page = join(root, 'page.html');
  assert.equal((await runCli(['report', ...config, '-o', page])).code, 0);
  console.log(`the page of 60 payloads for three real hypervisors: ${statSync(page).size} bytes`);
});
