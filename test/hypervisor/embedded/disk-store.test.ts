import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { XspliceError } from '../../../core/findings/index.js';
import { createDiskStore, DiskStore } from '../../../core/hypervisor/embedded/disk-store.js';
import { MemoryStore, ModelPort } from '../../../core/hypervisor/embedded/model-port.js';
import type { HypervisorPort } from '../../../core/hypervisor/port.js';
import type { SymbolLookup } from '../../../core/verify/model.js';
import { editStateFile } from '../../support/formats.js';
import { HOST } from '../../support/stack-builders.js';
import { FUNCTIONS, TEXT, tinyChain, tinyModel, tinyPayload } from '../../support/tiny-model.js';

const RELEASE = '4.17.7';
const directories: string[] = [];
after(() => Promise.all(directories.map((path) => rm(path, { recursive: true, force: true }))));

const SYMBOLS = FUNCTIONS.map(({ name, offset }) => `${name} ${TEXT + BigInt(offset)}`).join('\n');

function readSymbols(text: string): SymbolLookup {
  const table = new Map(
    text.split('\n').map((line): [string, bigint] => {
      const [name = '', address = '0'] = line.split(' ');
      return [name, BigInt(address)];
    }),
  );
  return { lookup: (name) => table.get(name) ?? null };
}

async function newDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'xsplice-ts-store-'));
  directories.push(path);
  return path;
}

async function newStore(): Promise<string> {
  const directory = await newDirectory();
  await createDiskStore(directory, tinyModel(RELEASE), RELEASE, SYMBOLS);
  return directory;
}

/** As a process of its own would open it. */
const open = (directory: string) => DiskStore.open(directory, readSymbols);
const fails = (code: string) => (error: unknown) =>
  error instanceof XspliceError && error.code === code;

const OPTIONS = { timeoutNs: 0, nodeps: false };
const files = tinyChain(3, (i) => ({ modinfo: Buffer.from(`index=${i}\0`) })).map(
  ({ name, bytes }, i) => {
    const copy = Uint8Array.from(bytes);
    copy.set(Buffer.from(`string${i}`), Buffer.from(bytes).indexOf('strings\0'));
    return { name, bytes: copy };
  },
);

type Operation = readonly [0 | 1 | 2, 'upload' | 'APPLY' | 'REVERT' | 'UNLOAD' | 'REPLACE'];

async function perform(port: HypervisorPort, [index, verb]: Operation) {
  const file = files[index];
  assert.ok(file);
  const result =
    verb === 'upload'
      ? await port.upload(file.name, file.bytes)
      : await port.act(file.name, verb, OPTIONS);
  return { ...result, elapsedMs: 0 };
}

describe('state on disk', () => {
  it('every operation by a new process answers as one process would', async () => {
    const operation: fc.Arbitrary<Operation> = fc.tuple(
      fc.constantFrom(0, 1, 2),
      fc.constantFrom('upload', 'APPLY', 'REVERT', 'UNLOAD', 'REPLACE'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 4, maxLength: 14 }), async (operations) => {
        const directory = await newStore();
        const whole = new ModelPort(HOST, new MemoryStore(tinyModel(RELEASE), RELEASE));
        for (const next of [[0, 'upload'] as const, [0, 'APPLY'] as const, ...operations]) {
          const expected = await perform(whole, next);
          const port = new ModelPort(HOST, await open(directory));
          assert.deepEqual(await perform(port, next), expected);
        }
        const port = new ModelPort(HOST, await open(directory));
        assert.deepEqual(await port.observe(), await whole.observe());
      }),
      { numRuns: 12 },
    );
  });

  it('a refusal writes nothing', async () => {
    const directory = await newStore();
    const before = await readFile(join(directory, 'hypervisor.json'), 'utf8');
    const port = new ModelPort(HOST, await open(directory));
    const result = await port.act('nobody', 'APPLY', OPTIONS);
    assert.equal(result.hypercallRc, -2);
    assert.equal(await readFile(join(directory, 'hypervisor.json'), 'utf8'), before);
  });

  it('what would kill Xen is not done', async () => {
    const directory = await newStore();
    const port = new ModelPort(HOST, await open(directory));
    const bytes = tinyPayload({ modinfo: new Uint8Array(0) });
    await assert.rejects(port.upload('p', bytes), fails('would-be-fatal'));
    assert.deepEqual((await port.observe()).payloads, []);
  });

  it('contents that nothing names any more are deleted', async () => {
    const directory = await newStore();
    const before = await readdir(join(directory, 'blobs'));
    const port = new ModelPort(HOST, await open(directory));
    for (const verb of ['upload', 'APPLY', 'REVERT', 'UNLOAD'] as const) {
      await perform(port, [0, verb]);
    }
    assert.deepEqual((await readdir(join(directory, 'blobs'))).sort(), before.sort());
  });

  it('contents that cannot be deleted make no failure of what was done (R15)', async () => {
    const directory = await newStore();
    const blobs = join(directory, 'blobs');
    const before = await readdir(blobs);
    const port = new ModelPort(HOST, await open(directory));
    await perform(port, [0, 'upload']);
    const uploaded = (await readdir(blobs)).filter((name) => !before.includes(name));
    assert.ok(uploaded.length > 0);
    for (const name of uploaded) {
      await rm(join(blobs, name));
      await mkdir(join(blobs, name));
    }
    assert.equal((await perform(port, [0, 'UNLOAD'])).hypercallRc, 0);
    assert.ok((await readdir(blobs)).includes(uploaded[0] ?? ''), 'it is still there');
    assert.deepEqual((await new ModelPort(HOST, await open(directory)).observe()).payloads, []);
  });

  it('two writers wait for each other', async () => {
    const directory = await newStore();
    const ports = await Promise.all(
      files.map(async () => new ModelPort(HOST, await open(directory))),
    );
    const results = await Promise.all(
      files.map(({ name, bytes }, i) => ports[i]?.upload(name, bytes)),
    );
    assert.deepEqual(
      results.map((result) => result?.hypercallRc),
      [0, 0, 0],
    );
    const { payloads } = await new ModelPort(HOST, await open(directory)).observe();
    assert.deepEqual(payloads.map(({ name }) => name).sort(), ['p1', 'p2', 'p3']);
  });

  it('killed before the rename: the state is the one before, and what was left does no harm', async () => {
    const directory = await newStore();
    await perform(new ModelPort(HOST, await open(directory)), [0, 'upload']);
    const drafts = [
      'hypervisor.json.0123456789ab.new',
      `blobs/${'ab'.repeat(32)}.0123456789ab.new`,
    ];
    for (const draft of drafts) await writeFile(join(directory, draft), 'half');
    // Of a version whose lock was a file.
    await writeFile(join(directory, 'lock'), '4194304');
    const port = new ModelPort(HOST, await open(directory));
    assert.deepEqual(
      (await port.observe()).payloads.map(({ name }) => name),
      ['p1'],
    );
    assert.equal((await perform(port, [0, 'APPLY'])).hypercallRc, 0);
    const left = [...(await readdir(directory)), ...(await readdir(join(directory, 'blobs')))];
    assert.deepEqual(
      left.filter((name) => name.endsWith('.new')),
      [],
    );
  });
});

describe('what is not right about a directory', () => {
  const edited = async (change: (state: Record<string, unknown>) => unknown) => {
    const directory = await newStore();
    editStateFile(directory, change);
    return directory;
  };
  const cases: readonly (readonly [string, string, (state: Record<string, unknown>) => unknown])[] =
    [
      ['an array', 'state-damaged', () => []],
      ['no regions', 'state-damaged', ({ regions: _, ...rest }) => rest],
      ['a release that is none', 'state-damaged', (state) => ({ ...state, release: 'new' })],
      ['an unknown release', 'unknown-release', (state) => ({ ...state, release: '5.0' })],
      ['an address that is none', 'state-damaged', (state) => ({ ...state, vmapStart: 'there' })],
      [
        'a payload of nothing but a name',
        'state-damaged',
        (s) => ({ ...s, payloads: [{ name: 'p' }] }),
      ],
      ['an applied payload that is not loaded', 'state-damaged', (s) => ({ ...s, applied: ['p'] })],
      [
        'a digest that leads out',
        'state-damaged',
        (s) => ({ ...s, symbols: '../hypervisor.json' }),
      ],
      ['a build-id that is none', 'state-damaged', (state) => ({ ...state, buildId: 'xyz' })],
    ];
  for (const [title, code, change] of cases) {
    it(`${title}: ${code}`, async () => {
      const directory = await edited(change);
      await assert.rejects(
        open(directory).then((store) => store.read()),
        fails(code),
      );
    });
  }

  for (const [version, code, message] of [
    [99, 'state-too-new', /written in format 99; .* knows format 2/],
    [undefined, 'state-damaged', /formatVersion/],
    [0, 'state-damaged', /formatVersion/],
    [0.5, 'state-damaged', /formatVersion/],
    [-1, 'state-damaged', /formatVersion/],
    ['2', 'state-damaged', /formatVersion/],
  ] as const) {
    it(`a formatVersion of ${JSON.stringify(version)}: ${code}`, async () => {
      const directory = await newStore();
      const path = join(directory, 'hypervisor.json');
      const file = JSON.parse(await readFile(path, 'utf8'));
      await writeFile(path, JSON.stringify({ ...file, formatVersion: version }));
      await assert.rejects(open(directory), { code, message });
    });
  }

  it('any bit of the state that flipped (R12)', async () => {
    const directory = await newStore();
    await perform(new ModelPort(HOST, await open(directory)), [0, 'upload']);
    const path = join(directory, 'hypervisor.json');
    const before = await readFile(path);
    const model = (await (await open(directory)).read()).payloads;
    await fc.assert(
      fc.asyncProperty(fc.nat(before.length * 8 - 1), async (bit) => {
        const bytes = Buffer.from(before);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        await writeFile(path, bytes);
        const read = open(directory).then((store) => store.read());
        // A letter of an escape may be of another case: that is the same state.
        await read.then(
          ({ payloads }) => assert.deepEqual(payloads, model),
          (error) => assert.match(String(error.code), /^state-(?:damaged|too-new)$/),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('no JSON', async () => {
    const directory = await newStore();
    await writeFile(join(directory, 'hypervisor.json'), '{');
    await assert.rejects(open(directory), fails('state-damaged'));
  });

  it('a blob that holds other bytes, and one that is gone', async () => {
    for (const damage of [(path: string) => writeFile(path, 'other'), (path: string) => rm(path)]) {
      const directory = await newStore();
      const [name] = await readdir(join(directory, 'blobs'));
      await damage(join(directory, 'blobs', name ?? ''));
      const store = await open(directory);
      await assert.rejects(store.read(), fails('state-damaged'));
    }
  });

  it('no hypervisor', async () => {
    await assert.rejects(open(await newDirectory()), fails('state-absent'));
  });

  it('a directory below a regular file', async () => {
    const file = join(await newDirectory(), 'file');
    await writeFile(file, '');
    await assert.rejects(
      createDiskStore(join(file, 'state'), tinyModel(RELEASE), RELEASE, null),
      fails('state-not-writable'),
    );
  });
});
