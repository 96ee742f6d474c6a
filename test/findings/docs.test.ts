import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { CATALOGUE, STAGES } from '../../core/findings/index.js';
import { madeFiles } from '../../docs/make.js';
import { findingsDocument } from '../../docs/make-findings.js';
import { repositoryRoot } from '../support/repository.js';

for (const { path, text } of madeFiles(repositoryRoot())) {
  test(`${path} is what npm run docs makes`, () => {
    assert.equal(readFileSync(join(repositoryRoot(), path), 'utf8'), text);
  });
}

test('docs/findings.md has each code and each stage', () => {
  const headings = [...findingsDocument().matchAll(/^### `(.*)`$/gm)].map(([, name]) => name);
  const names = [...Object.keys(CATALOGUE), ...Object.keys(STAGES)];
  assert.deepEqual([...headings].sort(), [...names].sort());
});
