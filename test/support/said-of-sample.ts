import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from './cli.js';
import { readJunit } from './junit.js';
import { readAnnotations, readQuality, readSarif } from './report-formats.js';

/** What is to be said of a sample repository: target, file, code, weight. */
export type SaidOfSample = readonly (readonly [
  target: string,
  file: string,
  code: string,
  weight: 'error' | 'warning' | 'waived',
])[];

/** The options of `check` and `report` that name the sample's config. */
export function configOf(root: string): readonly string[] {
  return ['--config', join(root, 'xsplice.config.json')];
}

/**
 * Checks a sample repository in every format at once, asserts that each says exactly this, and gives the JSON
 * document's counts.
 */
export async function assertSaidInEveryFormat(
  root: string,
  expected: SaidOfSample,
): Promise<Readonly<Record<string, number>>> {
  const out = (format: string) => join(root, `out.${format}`);
  const formats = ['json', 'sarif', 'junit', 'gitlab', 'github', 'markdown'];
  const { code } = await runCli(
    [
      'check',
      ...configOf(root),
      ...formats.flatMap((format) => ['-o', `${format}=${out(format)}`]),
    ],
    { env: { GITHUB_WORKSPACE: root } },
  );
  assert.equal(code, 3);
  const read = (format: string) => readFileSync(out(format), 'utf8');
  const open = expected.filter(([, , , weight]) => weight !== 'waived');

  const sarif = readSarif(read('sarif')).runs[0]?.results ?? [];
  assert.deepEqual(
    sorted(
      sarif.map(({ properties, locations, ruleId, level, suppressions }) => [
        properties.target ?? '',
        locations[0]?.physicalLocation.artifactLocation.uri,
        ruleId,
        suppressions === undefined ? level : 'waived',
      ]),
    ),
    sorted(expected),
  );
  assert.deepEqual(
    sorted(readQuality(read('gitlab')).map((issue) => [issue.location.path, issue.check_name])),
    sorted(open.map(([, file, name]) => [file, name])),
  );
  assert.deepEqual(
    sorted(
      readAnnotations(read('github')).map(({ level, properties, message }) => [
        properties['file'],
        /\[([\w-]+)\]$/.exec(message)?.[1],
        level,
      ]),
    ),
    sorted(open.map(([, file, name, weight]) => [file, name, weight])),
  );

  const failed = readJunit(read('junit')).children.flatMap((suite) =>
    suite.children
      .filter(({ children }) => children.some(({ name }) => name === 'failure'))
      .map(({ attributes }) => [suite.attributes['name'], attributes['name']]),
  );
  const wrong = expected
    .filter(([, , , weight]) => weight === 'error')
    .map(([target, file]) => (target === '' ? ['configuration', 'configuration'] : [target, file]));
  assert.deepEqual(sorted(failed), [...new Set(sorted(wrong))]);

  const items = read('markdown')
    .split('\n')
    .filter((line) => line.startsWith('- '));
  assert.equal(items.length, expected.length);
  return JSON.parse(read('json')).counts;
}

/** By code unit, so that it is the same everywhere. */
function sorted(rows: readonly (readonly unknown[])[]): readonly string[] {
  return rows.map((row) => row.join(' | ')).sort();
}
