import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { withLock } from '../../core/files/index.js';

/**
 * A process of its own with a lock: FOLDER, and `hold` (says `held`, and keeps it until it is killed), `churn` (takes it
 * again and again), or a number: so often it adds one to the file `count`, in a way that two at once get wrong.
 */
const [folder = '', what = 'hold'] = process.argv.slice(2);
const OPTIONS = { what: 'the test', patienceMs: 30_000 };

async function addOne(): Promise<void> {
  const path = join(folder, 'count');
  const count = Number(readFileSync(path, 'utf8'));
  await setTimeout(1);
  writeFileSync(path, String(count + 1));
}

if (what === 'hold') {
  await withLock(folder, OPTIONS, async () => {
    console.log('held');
    await setTimeout(60_000);
  });
} else if (what === 'churn') {
  console.log('begun');
  for (;;) await withLock(folder, OPTIONS, () => setTimeout(1));
} else {
  for (let left = Number(what); left > 0; left--) await withLock(folder, OPTIONS, addOne);
}
