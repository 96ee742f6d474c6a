import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cachedFolder, cacheFolder } from '../../rig/cache.js';
import { temporaryFolder } from '../support/cli.js';

const PLACE = 'XSPLICE_RIG_CACHE';

test("the rig's cache leaves a folder that another run has made meanwhile", async (t) => {
  const { [PLACE]: was } = process.env;
  process.env[PLACE] = temporaryFolder(t);
  t.after(() => {
    if (was === undefined) delete process.env[PLACE];
    else process.env[PLACE] = was;
  });
  const made = await cachedFolder('kind', 'key', (folder) => {
    // As the other run leaves it.
    const theirs = cacheFolder('kind', 'key');
    writeFileSync(join(theirs, 'file'), 'theirs');
    writeFileSync(join(theirs, '.complete'), '');
    writeFileSync(join(folder, 'file'), 'mine');
  });
  assert.equal(readFileSync(join(made, 'file'), 'utf8'), 'theirs');
  assert.deepEqual(readdirSync(cacheFolder('kind')), ['key']);
});
