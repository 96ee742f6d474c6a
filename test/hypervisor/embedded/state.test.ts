import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { sha256Of } from '../../../core/hypervisor/embedded/blobs.js';
import { createDiskStore, DiskStore } from '../../../core/hypervisor/embedded/disk-store.js';
import { ModelPort } from '../../../core/hypervisor/embedded/model-port.js';
import {
  formatState,
  loadModel,
  parseState,
  storeModel,
} from '../../../core/hypervisor/embedded/state.js';
import { readXensyms } from '../../../core/image/index.js';
import {
  apply,
  KNOWN_MINORS,
  type Model,
  replace,
  revert,
  unload,
  upload,
} from '../../../core/verify/index.js';
import { goldenState, unpackState } from '../../support/formats.js';
import { HOST } from '../../support/stack-builders.js';
import {
  plainFunction,
  TEXT,
  tinyChain,
  tinyModel,
  tinyPayload,
  verdictLine,
} from '../../support/tiny-model.js';

const RODATA = TEXT + 0x300000n;
const ORIGIN = { version: 'any', symbols: null, image: null };
const directories: string[] = [];
after(() => {
  for (const path of directories) rmSync(path, { recursive: true, force: true });
});

function newDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'xsplice-ts-state-'));
  directories.push(path);
  return path;
}

/** With what an image has and a hypervisor known by its symbols alone. */
function imageLike(release: string): Model {
  const model = tinyModel(release);
  const page = (base: bigint) => ({ base, bytes: new Uint8Array(4096) });
  const { memory } = model;
  memory.map({ ...page(RODATA), writable: false, holds: 'rodata', label: 'xen rodata' });
  const holds = { writable: false, holds: 'text', label: 'xen text' } as const;
  memory.map({ ...page(RODATA + 0x10000n), ...holds, isKnown: false });
  return model;
}

/** Of every known branch: its end, and each of its first patch levels. */
const RELEASES = Array.from({ length: KNOWN_MINORS.last - KNOWN_MINORS.first + 1 }, (_, i) =>
  ['', '.0', '.1', '.2', '.3', '.4'].map((patch) => `4.${KNOWN_MINORS.first + i}${patch}`),
).flat();

function chainFor(release: string) {
  const version = Number(release.split('.')[1]) < 14 ? 1 : 2;
  return tinyChain(4, (i) => ({
    version,
    modinfo: Buffer.from(`index=${i}\0`),
    stringsSymbol: `strings_${i}`,
    ...(i === 1 ? { hooks: { load: ['on_load', 'on_load_too'], apply: ['on_apply'] } } : {}),
  }));
}

const VERBS = ['upload', 'apply', 'revert', 'unload', 'replace'] as const;
type Operation = readonly [index: number, verb: (typeof VERBS)[number]];

function after1(model: Model, chain: ReturnType<typeof tinyChain>, [index, verb]: Operation) {
  const file = chain[index];
  assert.ok(file);
  const answers = {
    upload: () => upload(model, file.name, file.bytes),
    apply: () => apply(model, file.name, { nodeps: false }),
    revert: () => revert(model, file.name),
    unload: () => unload(model, file.name),
    replace: () => replace(model, file.name),
  };
  return answers[verb]();
}

/** What comes back of a model that was written. */
async function reread(model: Model): Promise<Model> {
  const files = new Map<string, Uint8Array>();
  const blobs = {
    write: async (bytes: Uint8Array) => {
      const sha256 = sha256Of(bytes);
      files.set(sha256, Uint8Array.from(bytes));
      return sha256;
    },
    read: async (sha256: string) => files.get(sha256) ?? new Uint8Array(0),
  };
  const written = formatState(await storeModel(model, ORIGIN, blobs));
  const stored = parseState(written);
  assert.equal(formatState(stored), written);
  return loadModel(stored, blobs, model.symbols);
}

/** All of it, for a comparison. */
function partsOf({ memory, rules, ...rest }: Model) {
  return { ...rest, regions: memory.regions, release: rules.release };
}

describe('the state of an embedded hypervisor', () => {
  for (const release of RELEASES) {
    it(`${release}: what is read is what was written, chains included`, async () => {
      const chain = chainFor(release);
      const first: readonly Operation[] = [
        [0, 'upload'],
        [0, 'apply'],
        [1, 'upload'],
        [1, 'apply'],
      ];
      const operation = fc.tuple(fc.nat(3), fc.constantFrom(...VERBS));
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 8 }), async (more) => {
          let model = imageLike(release);
          for (const [index, next] of [...first, ...more].entries()) {
            const answer = after1(model, chain, next);
            if (index < first.length) assert.equal(verdictLine(answer), 'accepted');
            model = answer.model;
          }
          const read = await reread(model);
          assert.deepEqual(partsOf(read), partsOf(model));
          // And it answers as the one that was written.
          for (const verb of VERBS) {
            const [mine, theirs] = [model, read].map((m) => after1(m, chain, [2, verb]));
            assert.deepEqual(theirs?.verdict, mine?.verdict);
          }
        }),
        { numRuns: 6 },
      );
    });
  }

  for (const release of ['4.17.2', '4.18.0']) {
    it(`${release}: a function in Xen's read-only data kills the embedded hypervisor as it kills the model`, async () => {
      const bytes = tinyPayload({ functions: [plainFunction({ oldAddress: RODATA })] });
      const uploaded = upload(imageLike(release), 'p', bytes).model;
      const inMemory = apply(uploaded, 'p', { nodeps: false });
      assert.match(verdictLine(inMemory), /^fatal patching: write of read-only address/);

      const directory = newDirectory();
      await createDiskStore(directory, imageLike(release), release, null);
      const open = () => DiskStore.open(directory, readXensyms);
      assert.equal((await new ModelPort(HOST, await open()).upload('p', bytes)).hypercallRc, 0);
      const port = new ModelPort(HOST, await open());
      await assert.rejects(port.act('p', 'APPLY', { timeoutNs: 0, nodeps: false }), {
        code: 'would-be-fatal',
        message: /write of read-only address/,
      });
    });
  }
});

describe('a state of format 1', () => {
  async function unpacked(change = (text: string) => text) {
    const golden = goldenState(1);
    const text = Buffer.from(golden.files['hypervisor.json'] ?? '', 'base64').toString('utf8');
    const changed = Buffer.from(change(text)).toString('base64');
    const directory = newDirectory();
    await unpackState(
      { ...golden, files: { ...golden.files, 'hypervisor.json': changed } },
      directory,
    );
    return { directory, snapshot: golden.snapshot };
  }

  it('is read, operated, and written anew in the format of now', async () => {
    const { directory, snapshot } = await unpacked();
    const store = await DiskStore.open(directory, readXensyms);
    const port = new ModelPort(HOST, store);
    assert.deepEqual(await port.observe(), snapshot);
    const image = await store.image(1024);
    assert.equal(Buffer.from(image?.bytes ?? []).toString(), 'no image, a stand-in for its bytes');
    assert.equal((await port.act('p3', 'APPLY', { timeoutNs: 0, nodeps: false })).payloadRc, 0);
    assert.equal((await port.act('p3', 'REVERT', { timeoutNs: 0, nodeps: false })).payloadRc, 0);
    const again = new ModelPort(HOST, await DiskStore.open(directory, readXensyms));
    assert.deepEqual(
      (await again.observe()).payloads.map(({ reverted }) => reverted),
      [false, true, true],
    );
  });

  it('tells by its labels what its memory holds', async () => {
    const { directory } = await unpacked();
    const { memory } = await (await DiskStore.open(directory, readXensyms)).read();
    assert.deepEqual(
      memory.regions
        .map(({ label, holds }) => [label, holds])
        .filter(([label]) => label !== 'xen data'),
      [
        ['xen rodata', 'rodata'],
        ['xen text', 'text'],
        ...['p1', 'p2', 'p3'].flatMap((name) => [
          [`payload ${name} text`, 'text'],
          [`payload ${name} data`, undefined],
          [`payload ${name} rodata`, 'rodata'],
        ]),
      ],
    );
  });

  it('with a region of a payload missing is damaged', async () => {
    for (const area of ['text', 'data', 'rodata']) {
      const { directory } = await unpacked((text) => {
        const state = JSON.parse(text);
        const regions = state.regions.filter(
          ({ label }: { label: string }) => label !== `payload p2 ${area}`,
        );
        assert.equal(regions.length, state.regions.length - 1);
        return JSON.stringify({ ...state, regions });
      });
      const port = new ModelPort(HOST, await DiskStore.open(directory, readXensyms));
      await assert.rejects(port.observe(), { code: 'state-damaged', message: /p2/ });
    }
  });
});
