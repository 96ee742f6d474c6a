import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { CATALOGUE, STAGES } from '../../core/findings/index.js';
import { findingsDocument } from '../../docs/make-findings.js';
import { repositoryRoot } from '../support/repository.js';

test('docs/findings.md is what npm run docs makes of the catalogue', () => {
  const file = readFileSync(join(repositoryRoot(), 'docs', 'findings.md'), 'utf8');
  assert.equal(file, findingsDocument());
});

test('docs/findings.md has each code and each stage', () => {
  const headings = [...findingsDocument().matchAll(/^### `(.*)`$/gm)].map(([, name]) => name);
  const names = [...Object.keys(CATALOGUE), ...Object.keys(STAGES)];
  assert.deepEqual([...headings].sort(), [...names].sort());
});
