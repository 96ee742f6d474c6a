/**
 * Makes the goldens of the documents anew: `node dist/test/formats/main.js`. Only for a format that is not
 * published yet: within a version fields are only added.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../support/repository.js';
import { makeDocuments } from './scenario.js';

const folder = join(repositoryRoot(), 'test', 'formats', 'golden', 'documents-1');
const scratch = mkdtempSync(join(tmpdir(), 'xsplice-'));
try {
  mkdirSync(folder, { recursive: true });
  for (const { name, document } of await makeDocuments(scratch)) {
    const text = JSON.stringify(document, null, 1)
      .replaceAll(scratch, 'SCRATCH')
      .replaceAll(repositoryRoot(), 'PROJECT');
    writeFileSync(join(folder, `${name}.json`), `${text}\n`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
