import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  isDraft,
  makeTrusted,
  readOwn,
  readRegular,
  requireTrusted,
  writeDurably,
} from '../../core/files/index.js';
import { temporaryFolder } from '../support/cli.js';
import { IS_ROOT, smallDisk } from '../support/machine.js';

const NOBODY = 65534;

describe('a file that is kept', () => {
  it('has its new content, for its owner alone, and nothing is left beside it', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'file');
    await writeDurably(path, 'old');
    await writeDurably(path, Buffer.from('new'));
    assert.equal(readFileSync(path, 'utf8'), 'new');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ['file']);
  });

  it('has the mode that is asked for, whatever the mask', async (t) => {
    const path = join(temporaryFolder(t), 'file');
    await writeDurably(path, 'text', { mode: 0o666 });
    assert.equal(statSync(path).mode & 0o777, 0o666);
  });

  it('takes the place of a link, and leaves what that leads to', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'file');
    writeFileSync(join(folder, 'victim'), 'precious');
    symlinkSync('victim', path);
    await writeDurably(path, 'text');
    assert.equal(readFileSync(join(folder, 'victim'), 'utf8'), 'precious');
    assert.equal(readFileSync(path, 'utf8'), 'text');
  });

  it('is as it was where the disk is full, and no draft is left', async (t) => {
    const folder = smallDisk(t, 32);
    if (folder === null) return;
    const path = join(folder, 'file');
    await writeDurably(path, 'old');
    await assert.rejects(writeDurably(path, Buffer.alloc(64 * 1024)), { code: 'ENOSPC' });
    assert.equal(readFileSync(path, 'utf8'), 'old');
    assert.deepEqual(readdirSync(folder), ['file']);
  });

  it('is flushed before it is renamed, and its folder after (R1)', (t) => {
    const folder = temporaryFolder(t);
    const trace = join(folder, 'trace');
    const script = `import(${JSON.stringify(new URL('../../core/files/index.js', import.meta.url).href)})
      .then(({ writeDurably }) => writeDurably(${JSON.stringify(join(folder, 'file'))}, 'text'))`;
    const calls = 'trace=fsync,fdatasync,rename,renameat,renameat2';
    const words = ['-f', '-y', '-e', calls, '-o', trace, process.execPath, '-e', script];
    const { status, error } = spawnSync('strace', words);
    if (error !== undefined) return t.skip('there is no strace here');
    assert.equal(status, 0);
    const lines = readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => /(?:sync|rename)/.test(line));
    const seen = lines.map((line) => {
      const [, call = '', path = ''] = /(sync|rename)\w*\([^</"]*[<"]([^>"]*)/.exec(line) ?? [];
      return path === folder ? `${call} the folder` : `${call} ${isDraft(path) ? 'a draft' : path}`;
    });
    assert.deepEqual(seen, ['sync a draft', 'rename a draft', 'sync the folder']);
  });
});

describe('a folder is trusted', () => {
  it('where it is new: then it is for its owner alone', async (t) => {
    const folder = join(temporaryFolder(t), 'a', 'b');
    await makeTrusted(folder);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, '..')).mode & 0o777, 0o700);
  });

  for (const mode of [0o770, 0o707, 0o777, 0o1777]) {
    it(`not with the mode ${mode.toString(8)}`, async (t) => {
      const folder = temporaryFolder(t);
      chmodSync(folder, mode);
      const hint = `If nobody did: chmod go-w ${folder}`;
      await assert.rejects(requireTrusted(folder), { code: 'folder-not-trusted', hint });
    });
  }

  it('not where it belongs to somebody else', { skip: !IS_ROOT }, async (t) => {
    const folder = temporaryFolder(t);
    chownSync(folder, NOBODY, NOBODY);
    const message = `${folder} belongs to user ${NOBODY}, and this is user 0`;
    await assert.rejects(makeTrusted(folder), { code: 'folder-not-trusted', message });
  });

  it('not where it is a link, or reached through one; the real path is told', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'real', 'inner'), { recursive: true });
    symlinkSync('real', join(folder, 'link'));
    await assert.rejects(requireTrusted(join(folder, 'link')), {
      ...{ code: 'folder-not-trusted', message: `${join(folder, 'link')} is a link` },
      hint: `Name the directory itself: ${join(folder, 'real')}`,
    });
    await assert.rejects(requireTrusted(join(folder, 'link', 'inner')), {
      ...{ code: 'folder-not-trusted', message: /is reached through a link$/ },
      hint: `Name the directory itself: ${join(folder, 'real', 'inner')}`,
    });
    await requireTrusted(`${folder}/real/../real/`);
  });

  it('not where it is a file', async (t) => {
    const path = join(temporaryFolder(t), 'file');
    writeFileSync(path, '');
    await assert.rejects(requireTrusted(path), { message: `${path} is a file` });
  });
});

describe('a file of our own', () => {
  it('is read; null only where there is none', async (t) => {
    const path = join(temporaryFolder(t), 'file');
    assert.equal(await readOwn(path), null);
    writeFileSync(path, 'text', { mode: 0o600 });
    assert.equal(Buffer.from((await readOwn(path)) ?? []).toString(), 'text');
    await assert.rejects(readOwn(join(path, 'below')), { code: 'ENOTDIR' });
  });

  it('is no link, FIFO, device, socket or directory: none of them hangs (R11)', async (t) => {
    const folder = temporaryFolder(t);
    const path = (name: string) => join(folder, name);
    symlinkSync('/dev/zero', path('link'));
    assert.equal(spawnSync('mkfifo', [path('fifo')]).status, 0);
    const what = { link: 'is a link', fifo: 'is a FIFO' };
    for (const [name, kind] of Object.entries(what)) {
      const message = `${path(name)} ${kind}`;
      await assert.rejects(readOwn(path(name)), { code: 'folder-not-trusted', message });
    }
    await assert.rejects(readOwn(folder), { message: `${folder} is a directory` });
    await assert.rejects(readOwn('/dev/zero'), { message: '/dev/zero is a device' });
    assert.equal(await readRegular(path('fifo'), 10), null);
    assert.equal(await readRegular('/dev/zero', 10), null);
  });

  it('is not one that others may write to, or that belongs to somebody else', async (t) => {
    const path = join(temporaryFolder(t), 'file');
    writeFileSync(path, 'text');
    chmodSync(path, 0o662);
    await assert.rejects(readOwn(path), { code: 'folder-not-trusted' });
    if (!IS_ROOT) return;
    chmodSync(path, 0o600);
    chownSync(path, NOBODY, NOBODY);
    await assert.rejects(readOwn(path), { code: 'folder-not-trusted', message: /user 65534/ });
  });
});
