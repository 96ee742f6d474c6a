/** Makes the goldens of the screens anew, to be looked at in the difference: `node dist/test/screens/main.js`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../support/repository.js';
import { makeScreens, WIDTHS } from './screens.js';

const goldens = join(repositoryRoot(), 'test', 'screens', 'golden');
rmSync(goldens, { recursive: true, force: true });
for (const columns of WIDTHS) {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-screens-'));
  const golden = join(goldens, String(columns));
  mkdirSync(golden, { recursive: true });
  try {
    for (const [name, screen] of await makeScreens(folder, columns)) {
      writeFileSync(join(golden, `${name}.txt`), screen);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
