import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseBuildId } from '../../core/abi/ids.js';
import { findImage } from '../../core/host/find-image.js';
import { localMachine } from '../../core/hypervisor/xen/index.js';
import { readImage } from '../../core/image/index.js';
import { repositoryRoot } from '../support/repository.js';

describe('the image of the running hypervisor', () => {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-images-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const demo = join(repositoryRoot(), 'payloads', 'demo', 'xen-syms-demo');
  copyFileSync(demo, join(folder, 'xen-syms-9'));
  writeFileSync(join(folder, 'xen-syms-1'), 'no image at all');
  const places = [
    { folder: join(folder, 'absent'), pattern: /./ },
    { folder, pattern: /^xen-syms/ },
  ];
  const [own] = readImage(readFileSync(demo), demo).buildIds;
  assert.ok(own);

  it('is the one with its build-id; what cannot be read is passed over', async () => {
    const image = await findImage(localMachine, own.id, places);
    assert.equal(image?.file, join(folder, 'xen-syms-9'));
  });

  it('is null where no file has its build-id', async () => {
    assert.equal(await findImage(localMachine, parseBuildId('00'.repeat(20)), places), null);
  });
});
