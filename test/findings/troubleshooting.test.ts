import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { explain } from '../../core/public/findings.js';
import { repositoryRoot } from '../support/repository.js';

const root = repositoryRoot();

/** All text of the program. */
function source(): string {
  const files = ['core', 'cli'].flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && /\.(ts|cjs)$/.test(entry.name))
      .map((entry) => join(entry.path, entry.name)),
  );
  return files.map((file) => readFileSync(file, 'utf8')).join('\n');
}

test('the messages of docs/troubleshooting.md are those of the program, with their codes', () => {
  const text = source();
  const page = readFileSync(join(root, 'docs', 'troubleshooting.md'), 'utf8');
  const rows = [...page.matchAll(/^\| (.+?) \| (?:`(.+?)` )?\| .* \|$/gm)].slice(1);
  assert.ok(rows.length > 15);
  for (const [, message = '', code] of rows) {
    assert.ok(text.includes(message), message);
    if (code !== undefined) assert.ok(explain(code) !== null, code);
  }
});
