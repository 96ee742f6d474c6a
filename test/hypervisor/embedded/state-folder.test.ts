import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createDiskStore, DiskStore } from '../../../core/hypervisor/embedded/disk-store.js';
import { ModelPort } from '../../../core/hypervisor/embedded/model-port.js';
import { readXensyms } from '../../../core/image/index.js';
import { temporaryFolder } from '../../support/cli.js';
import { IS_ROOT, smallDisk } from '../../support/machine.js';
import { HOST } from '../../support/stack-builders.js';
import { FUNCTIONS, TEXT, tinyChain, tinyModel } from '../../support/tiny-model.js';

const RELEASE = '4.17.7';
const OPTIONS = { timeoutNs: 0, nodeps: false };
const [first, second] = tinyChain(2, (index) => ({ stringsSymbol: `strings${index}` }));
assert.ok(first && second);

const SYMBOLS = FUNCTIONS.map(
  ({ name, offset }) => `${(TEXT + BigInt(offset)).toString(16)} t ${name}\n`,
).join('');
const create = (directory: string) =>
  createDiskStore(directory, tinyModel(RELEASE), RELEASE, SYMBOLS);
const open = (directory: string) => DiskStore.open(directory, readXensyms);
const portTo = async (directory: string) => new ModelPort(HOST, await open(directory));
const loadedIn = async (directory: string) =>
  (await (await portTo(directory)).observe()).payloads.map(({ name, state }) => `${name} ${state}`);

async function created(t: TestContext): Promise<string> {
  const directory = join(temporaryFolder(t), 'state');
  await create(directory);
  return directory;
}

/** All files below a folder with what they hold. */
function contentsOf(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files.map(({ parentPath, name }) => [
      join(parentPath, name),
      readFileSync(join(parentPath, name)).toString('hex'),
    ]),
  );
}

describe('a new hypervisor', () => {
  it('is for its owner alone, whatever the mask', async (t) => {
    const mask = process.umask(0);
    t.after(() => process.umask(mask));
    const directory = await created(t);
    for (const [name, mode] of [
      ['', 0o700],
      ['blobs', 0o700],
      ['hypervisor.json', 0o600],
    ] as const) {
      assert.equal(statSync(join(directory, name)).mode & 0o777, mode, name);
    }
  });

  for (const path of ['notes', 'blobs/sha256/x', 'blobs/x', 'hypervisor.txt']) {
    it(`gets no directory that holds ${path}, and touches nothing there (R2)`, async (t) => {
      const directory = temporaryFolder(t);
      mkdirSync(join(directory, path, '..'), { recursive: true, mode: 0o700 });
      writeFileSync(join(directory, path), 'precious');
      const before = contentsOf(directory);
      await assert.rejects(create(directory), { code: 'folder-not-empty' });
      assert.deepEqual(contentsOf(directory), before);
    });
  }

  it('takes the place of an older one, and removes nothing that none of them wrote', async (t) => {
    const directory = await created(t);
    await (await portTo(directory)).upload(first.name, first.bytes);
    const foreign = [join(directory, 'notes'), join(directory, 'blobs', 'ab'.repeat(32))];
    for (const path of foreign) writeFileSync(path, 'precious');
    await create(directory);
    assert.deepEqual(await loadedIn(directory), []);
    for (const path of foreign) assert.equal(readFileSync(path, 'utf8'), 'precious');
    const other = join(temporaryFolder(t), 'other');
    await create(other);
    const names = (folder: string) => readdirSync(join(folder, 'blobs')).sort();
    assert.deepEqual(names(directory), [...names(other), 'ab'.repeat(32)].sort());
  });

  it('takes the place of one that is damaged', async (t) => {
    const directory = await created(t);
    writeFileSync(join(directory, 'hypervisor.json'), '{');
    await create(directory);
    assert.deepEqual(await loadedIn(directory), []);
  });

  it('does not reach through a link to empty what is there (R2)', async (t) => {
    const folder = temporaryFolder(t);
    for (const name of ['victim', 'state']) mkdirSync(join(folder, name), { mode: 0o700 });
    writeFileSync(join(folder, 'victim', 'file'), 'precious');
    symlinkSync('../victim', join(folder, 'state', 'blobs'));
    symlinkSync('victim', join(folder, 'link'));
    for (const name of ['state', 'link']) {
      await assert.rejects(create(join(folder, name)), { code: 'folder-not-trusted' });
    }
    assert.deepEqual(readdirSync(join(folder, 'victim')), ['file']);
  });

  it('gets no directory of somebody else, or that others may write to', async (t) => {
    const directory = temporaryFolder(t);
    chmodSync(directory, 0o777);
    await assert.rejects(create(directory), { code: 'folder-not-trusted' });
    assert.deepEqual(readdirSync(directory), []);
    if (!IS_ROOT) return;
    chmodSync(directory, 0o700);
    chownSync(directory, 65534, 65534);
    await assert.rejects(create(directory), { code: 'folder-not-trusted' });
    assert.deepEqual(readdirSync(directory), []);
  });

  it('goes on after one that was not finished', async (t) => {
    const directory = await created(t);
    rmSync(join(directory, 'hypervisor.json'));
    await create(directory);
    assert.deepEqual(await loadedIn(directory), []);
  });
});

describe('the state of somebody else (R11)', () => {
  it('is not read', async (t) => {
    const directory = await created(t);
    chmodSync(directory, 0o770);
    await assert.rejects(open(directory), {
      code: 'folder-not-trusted',
      hint: `If nobody did: chmod go-w ${directory}`,
    });
    chmodSync(directory, 0o700);
    chmodSync(join(directory, 'hypervisor.json'), 0o666);
    await assert.rejects(open(directory), { code: 'folder-not-trusted' });
    if (!IS_ROOT) return;
    chmodSync(join(directory, 'hypervisor.json'), 0o600);
    chownSync(directory, 65534, 65534);
    await assert.rejects(open(directory), { code: 'folder-not-trusted', message: /user 65534/ });
  });

  it('is not read through links', async (t) => {
    const directory = await created(t);
    const link = `${directory}-link`;
    symlinkSync('state', link);
    await assert.rejects(open(link), { hint: `Name the directory itself: ${directory}` });
    for (const name of ['blobs', 'hypervisor.json']) {
      renameSync(join(directory, name), join(directory, `${name}-moved`));
      symlinkSync(`${name}-moved`, join(directory, name));
      await assert.rejects(open(directory), { code: 'folder-not-trusted', message: /is a link$/ });
      rmSync(join(directory, name));
      renameSync(join(directory, `${name}-moved`), join(directory, name));
    }
    assert.deepEqual(await loadedIn(directory), []);
  });

  for (const what of ['hypervisor.json', 'a blob']) {
    it(`does not hang where ${what} is a FIFO`, async (t) => {
      const directory = await created(t);
      const [blob = ''] = readdirSync(join(directory, 'blobs'));
      const path = what === 'a blob' ? join(directory, 'blobs', blob) : join(directory, what);
      rmSync(path);
      assert.equal(spawnSync('mkfifo', [path]).status, 0);
      await assert.rejects(loadedIn(directory), { message: `${path} is a FIFO` });
    });
  }
});

describe('a state that cannot be read', () => {
  it('is absent only where there is none (R14)', async (t) => {
    const folder = temporaryFolder(t);
    await assert.rejects(open(folder), { code: 'state-absent' });
    await assert.rejects(open(join(folder, 'none')), { code: 'state-absent' });
    writeFileSync(join(folder, 'file'), '');
    await assert.rejects(open(join(folder, 'file', 'below')), {
      code: 'state-not-readable',
      message: /ENOTDIR/,
    });
  });
});

describe('several at once', () => {
  it('a reader never meets half a state, however often it is changed (R5)', async (t) => {
    const directory = await created(t);
    const writer = await portTo(directory);
    let isOver = false;
    const writing = (async () => {
      for (let round = 0; round < 12; round++) {
        await writer.upload(first.name, first.bytes);
        await writer.act(first.name, 'APPLY', OPTIONS);
        await writer.act(first.name, 'REVERT', OPTIONS);
        await writer.act(first.name, 'UNLOAD', OPTIONS);
      }
      isOver = true;
    })();
    const seen = new Set<string>();
    while (!isOver) seen.add((await loadedIn(directory)).join());
    await writing;
    for (const text of seen) assert.match(text, /^(?:p1 (?:CHECKED|APPLIED))?$/);
    assert.ok(seen.size > 1, 'it was read while it was changed');
  });

  it('what one has written and another has removed is written again', async (t) => {
    const directory = await created(t);
    const [one, other] = await Promise.all([portTo(directory), portTo(directory)]);
    await one.upload(first.name, first.bytes);
    await other.act(first.name, 'UNLOAD', OPTIONS);
    await one.upload(first.name, first.bytes);
    assert.deepEqual(await loadedIn(directory), ['p1 CHECKED']);
  });

  it('nobody changes it while one has it alone', async (t) => {
    const directory = await created(t);
    const [one, other] = await Promise.all([portTo(directory), portTo(directory)]);
    let later: Promise<unknown> = Promise.resolve();
    await one.exclusive(async () => {
      later = other.upload(second.name, second.bytes);
      await one.upload(first.name, first.bytes);
      await one.act(first.name, 'APPLY', OPTIONS);
      assert.deepEqual(await loadedIn(directory), ['p1 APPLIED']);
    });
    await later;
    assert.deepEqual(await loadedIn(directory), ['p1 APPLIED', 'p2 CHECKED']);
  });
});

it('a full disk leaves the state as it was and nothing beside it, and room is all it needs', async (t) => {
  const disk = smallDisk(t, 128);
  if (disk === null) return;
  const directory = join(disk, 'state');
  await create(directory);
  const port = await portTo(directory);
  const before = contentsOf(directory);
  const full = join(disk, 'full');
  let size = 0;
  try {
    for (; ; size += 4096) writeFileSync(full, Buffer.alloc(size));
  } catch {
    // Now it is full but for a page.
  }
  await assert.rejects(port.upload(first.name, first.bytes), {
    code: 'state-not-writable',
    message: /ENOSPC/,
  });
  assert.deepEqual(contentsOf(directory), before);
  rmSync(full);
  await port.upload(first.name, first.bytes);
  assert.deepEqual(await loadedIn(directory), ['p1 CHECKED']);
});
