import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check } from '../../core/check/index.js';
import { readRelocations } from '../../core/elf/index.js';
import { modelFromImage } from '../../core/host/index.js';
import { snapshotOf } from '../../core/hypervisor/embedded/snapshot.js';
import { codeContext, recordPayload, runningCode } from '../../core/oldcode/index.js';
import { inputFile, readPayload } from '../../core/payload/index.js';
import { apply, upload } from '../../core/verify/index.js';
import {
  demoHypervisor,
  hostilePayloads,
  hostileSets,
  longChain,
  unmappedName,
} from '../support/hostile-payloads.js';

const demo = demoHypervisor();
const payloads = hostilePayloads();

/** What `check` says of files against the demo hypervisor, old code compared where a guard is given. */
function checkFiles(files: readonly Uint8Array[], guard?: 'both') {
  const { image, model } = demo;
  return check(
    files.map((bytes, index) => inputFile(`p${index}.livepatch`, bytes)),
    {
      buildId: model.buildId ?? assert.fail('the demo has an id'),
      model,
      symbols: image.symbols,
      notVerified: null,
      ...(guard === undefined ? {} : { oldCode: { guard, context: codeContext(image, model) } }),
    },
  );
}

async function codes(bytes: Uint8Array): Promise<ReadonlySet<string>> {
  return new Set((await checkFiles([bytes])).findings.map(({ code }) => code));
}

/** Stage and the actual value of why Xen would not take it. */
async function refusal(bytes: Uint8Array) {
  const { verdicts, findings } = await checkFiles([bytes]);
  const [verdict] = verdicts ?? [];
  const actual = findings.find(({ code }) => code === 'would-be-refused')?.actual;
  return [verdict?.outcome, verdict?.stage, actual];
}

describe('payloads that were made to be slow or large (R10)', () => {
  it('are all below the size that Xen takes, sets too', () => {
    const sets = { ...hostileSets(), alone: Object.values(payloads) };
    for (const [name, set] of Object.entries(sets)) {
      const sizes = set.map(({ length }) => length);
      const size = name === 'alone' ? Math.max(...sizes) : sizes.reduce((sum, one) => sum + one, 0);
      assert.ok(size <= 2 * 1024 * 1024, name);
    }
  });

  it('two of which one uses, or patches, all that the other has are a chain that Xen takes', async () => {
    const { 'chain-of-100': _, ...pairs } = hostileSets();
    for (const [name, set] of Object.entries(pairs)) {
      for (const guard of [undefined, 'both'] as const) {
        const { verdicts, guard: report } = await checkFiles(set, guard);
        assert.deepEqual(
          verdicts?.map(({ inChain }) => inChain?.outcome),
          ['accepted', 'accepted'],
          name,
        );
        assert.ok(report?.payloads.every(({ passes }) => passes) ?? true, name);
      }
    }
  });

  it('thousands of functions on one site: hundred findings of a kind, and how many more there are', async () => {
    const { findings, verdicts } = await checkFiles([payloads['functions-5000']]);
    assert.equal(verdicts?.[0]?.outcome, 'accepted');
    const twice = findings.filter(({ code }) => code === 'function-patched-twice');
    assert.equal(twice.length, 100);
    assert.match(twice.at(-1)?.message ?? '', /\(and 4899 more of this kind\)$/);
    assert.doesNotMatch(twice[98]?.message ?? '', /more of this kind/);
  });

  it('function names that are tails of a long one are not found, and cut', async () => {
    const { findings } = await checkFiles([payloads['function-names-are-tails-of-one']]);
    const refused = findings.find(({ code }) => code === 'would-be-refused');
    assert.equal(refused?.stage, 'functions');
    assert.ok((refused?.symbol?.length ?? 0) < 10_000);
  });

  it('symbol names that are tails of a long one: ten faults of the stage, each cut', async () => {
    const { verdicts, findings } = await checkFiles([payloads['symbol-names-are-tails-of-one']]);
    assert.deepEqual(
      [verdicts?.[0]?.outcome, verdicts?.[0]?.stage],
      ['refused', 'symbol-resolution'],
    );
    assert.equal(findings.filter(({ stage }) => stage === 'symbol-resolution').length, 10);
  });

  it('symbols that share a long name are not listed', async () => {
    const payload = readPayload(payloads['symbols-share-a-long-name'], 'p');
    assert.deepEqual(payload.imports, []);
    assert.ok((await codes(payloads['symbols-share-a-long-name'])).has('payload-bad-symbols'));
    assert.ok((await codes(payloads['new-symbols-share-a-long-name'])).has('payload-bad-symbols'));
  });

  it('relocation tables that overlap are neither listed nor replayed', async () => {
    const bytes = payloads['relocations-of-one-table'];
    const payload = readPayload(bytes, 'p');
    assert.ok(payload.findings.some(({ code }) => code === 'payload-bad-relocations'));
    assert.throws(() => readRelocations(payload.elf), { code: 'elf-too-large' });
    const [outcome, stage, actual] = await refusal(bytes);
    assert.deepEqual([outcome, stage], ['refused', 'relocation']);
    assert.match(actual ?? '', /tables that overlap/);
    const { verdict } = upload(demo.model, 'p', bytes);
    assert.equal(
      verdict.faults.length,
      1,
      'the tables behind the first that overlaps are not read',
    );
  });

  it('sections that overlap in the file are not given 600 MB', async () => {
    const { verdict } = upload(demo.model, 'p', payloads['sections-of-one-megabyte']);
    assert.deepEqual([verdict.outcome.outcome, verdict.hypercallRc], ['refused', -12]);
    assert.match(verdict.assumptions.join(), /^Xen has no \d+ pages for one payload$/);
  });

  it('a million strings of metadata are cut, in the file, the log and the list', async () => {
    const bytes = payloads['metadata-of-a-million'];
    const payload = readPayload(bytes, 'p');
    assert.equal(payload.metadata.length, 4096);
    assert.ok(payload.findings.some(({ code }) => code === 'payload-metadata-cut'));
    const uploaded = upload(demo.model, 'p', bytes);
    const { verdict, model } = apply(uploaded.model, 'p', { nodeps: false });
    assert.equal(verdict.outcome.outcome, 'accepted');
    assert.equal(verdict.log.filter(({ text }) => text === '  a').length, 1024);
    assert.ok((snapshotOf(model, '').payloads[0]?.metadata.length ?? 0) <= 4096);
  });

  it('a chain of payloads that patch one function many times each is one chain', async () => {
    const { chain, findings } = await checkFiles(longChain(20, 100));
    assert.equal(chain.length, 20);
    const errors = findings.filter(({ severity }) => severity === 'error');
    assert.deepEqual([...new Set(errors.map(({ code }) => code))], ['function-patched-twice']);
  });
});

describe('a function name that leads nowhere (R8)', () => {
  const bytes = unmappedName();

  it('is a finding of check, with and without a guard, and no internal error', async () => {
    for (const guard of [undefined, 'both'] as const) {
      const { verdicts, findings } = await checkFiles([bytes], guard);
      assert.equal(verdicts?.[0]?.outcome, 'accepted');
      const hazard = findings.find(({ code }) => code === 'function-name-unmapped');
      assert.equal(hazard?.severity, 'error');
      assert.match(hazard?.message ?? '', /debug key x/);
    }
  });

  it('is absent from what is loaded, recorded and running', () => {
    const { model, verdict } = upload(demo.model, 'p', bytes);
    assert.equal(verdict.outcome.outcome, 'accepted');
    assert.deepEqual(snapshotOf(model, '').payloads[0]?.functions, ['']);
    const setting = codeContext(demo.image, model);
    assert.equal(runningCode(setting.base, model).payloads.length, 1);
    const fresh = codeContext(demo.image, demo.model);
    const { record } = recordPayload(fresh, readPayload(bytes, 'p'), { expect: false });
    assert.equal(record.functions[0]?.name, '');
  });
});

describe('an image whose parts overlap (R9)', () => {
  it('is a bad image', () => {
    const { image } = demo;
    const [first, second] = image.memory.filter(({ init }) => !init);
    assert.ok(first !== undefined && second !== undefined);
    const moved = { ...second, address: first.address + 16n, writable: !first.writable };
    const memory = [first, moved].map((range) => ({ ...range, sizeBytes: 4096n }));
    assert.throws(() => modelFromImage({ ...image, memory }, null), { code: 'image-damaged' });
  });
});
