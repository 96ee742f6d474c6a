import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { apiReports } from '../../docs/make-api.js';
import { repositoryRoot } from '../support/repository.js';

test('the surface of the library is the one that was reviewed: npm run docs writes it anew', () => {
  const root = repositoryRoot();
  const reports = apiReports(root);
  assert.deepEqual(
    reports.map(({ path }) => path),
    ['docs/api/index.api.md', 'docs/api/elf.api.md'],
  );
  for (const { path, text } of reports) {
    assert.match(text, /^export (?:function|class|interface|type|const) /m, path);
    assert.equal(text, readFileSync(join(root, path), 'utf8'), path);
  }
});
