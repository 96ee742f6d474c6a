import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { runCli, temporaryFolder } from '../support/cli.js';
import { readJunit } from '../support/junit.js';
import { readAnnotations, readQuality, readSarif } from '../support/report-formats.js';
import { sampleRepository } from '../support/sample-repository.js';

/** All that is to be said of the sample, and nothing else: target, file, code, weight. */
const EXPECTED = [
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
  ['a alone', 'a/wrong/wrong-xen-depends.livepatch', 'would-be-refused', 'error'],
  ['a alone', 'a/wrong/wrong-xen-depends.livepatch', 'wrong-hypervisor', 'error'],
  ['b alone', 'b/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
  ['c alone', 'c/alone/data.livepatch', 'data-prevents-reapply', 'warning'],
  ['c alone', 'c/alone/norevert.livepatch', 'data-prevents-reapply', 'warning'],
] as const;

/** By code unit, so that it is the same everywhere. */
function sorted(rows: readonly (readonly unknown[])[]): readonly string[] {
  return rows.map((row) => row.join(' | ')).sort();
}

test('a repository of sixty payloads gives exactly what is wrong in it, in every format', async (t) => {
  const root = join(temporaryFolder(t), 'sample');
  sampleRepository(root);
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
  const open = EXPECTED.filter(([, , , weight]) => weight !== 'waived');

  const document = JSON.parse(of['json'] ?? '');
  assert.equal(document.formatVersion, 2);
  assert.equal(document.counts.payloads, 60);
  assert.deepEqual(
    [document.counts.errors, document.counts.warnings, document.counts.waived],
    [13, 4, 1],
  );

  const sarif = readSarif(of['sarif'] ?? '').runs[0]?.results ?? [];
  assert.deepEqual(
    sorted(
      sarif.map(({ properties, locations, ruleId, level, suppressions }) => [
        properties.target ?? '',
        locations[0]?.physicalLocation.artifactLocation.uri,
        ruleId,
        suppressions === undefined ? level : 'waived',
      ]),
    ),
    sorted(EXPECTED),
  );

  assert.deepEqual(
    sorted(readQuality(of['gitlab'] ?? '').map((issue) => [issue.location.path, issue.check_name])),
    sorted(open.map(([, file, name]) => [file, name])),
  );
  assert.deepEqual(
    sorted(
      readAnnotations(of['github'] ?? '').map(({ level, properties, message }) => [
        properties['file'],
        /\[([\w-]+)\]$/.exec(message)?.[1],
        level,
      ]),
    ),
    sorted(open.map(([, file, name, weight]) => [file, name, weight])),
  );

  const failed = readJunit(of['junit'] ?? '').children.flatMap((suite) =>
    suite.children
      .filter(({ children }) => children.some(({ name }) => name === 'failure'))
      .map(({ attributes }) => [suite.attributes['name'], attributes['name']]),
  );
  const wrong = EXPECTED.filter(([, , , weight]) => weight === 'error').map(([target, file]) =>
    target === '' ? ['configuration', 'configuration'] : [target, file],
  );
  assert.deepEqual(sorted(failed), [...new Set(sorted(wrong))]);

  const items = (of['markdown'] ?? '').split('\n').filter((line) => line.startsWith('- '));
  assert.equal(items.length, EXPECTED.length);
});
