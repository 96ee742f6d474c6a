import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { preflightPlan, refusalOf, refusalUnverified } from '../../core/change/index.js';
import { check } from '../../core/check/index.js';
import { XspliceError } from '../../core/findings/index.js';
import { modelFromImage } from '../../core/host/index.js';
import { MemoryStore, ModelPort } from '../../core/hypervisor/embedded/index.js';
import { formatXensyms, readImage, readXensyms } from '../../core/image/index.js';
import { contentsOf, inputFile, readPayload, readPayloadInputs } from '../../core/payload/index.js';
import { planApply } from '../../core/stack/index.js';
import { CHAIN, DEMO_IMAGE, demo } from '../support/cli.js';

const image = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE);
const { model, version } = modelFromImage(image, null);
const host = { spec: 'embedded:test', tellsReverted: true, tellsPlaces: true } as const;

function read(file: string) {
  return inputFile(file, readFileSync(file));
}

/** A demo payload whose function states an address at which nothing is mapped. */
function fatalInput() {
  const file = demo('old-address');
  const bytes = Buffer.from(readFileSync(file));
  const section = readPayload(bytes, file).elf.sections.find((s) => s.name === '.livepatch.funcs');
  assert.ok(section);
  bytes.writeBigUInt64LE(0xffff82d0_50000000n, Number(section.offset) + 16);
  return inputFile(file, bytes);
}

async function preflight(inputs: ReturnType<typeof read>[]) {
  const port = new ModelPort(host, new MemoryStore(model, version));
  const payloads = readPayloadInputs(inputs).map(({ planned }) => planned);
  const plan = planApply(await port.observe(), payloads, { host });
  return preflightPlan(plan, contentsOf(inputs), model, version);
}

test('a plan that will pass is predicted step by step, and the model stays as it was', async () => {
  const result = await preflight(CHAIN.map(read));
  assert.equal(result.ok, true);
  assert.equal(result.predictions.length, 10);
  assert.ok(result.predictions.every(({ outcome }) => outcome === 'accepted'));
  assert.equal(refusalOf(result), null);
  assert.deepEqual(model.payloads, []);
});

test('a fatal step is predicted with its stage and cause, and what follows is not reached', async () => {
  const result = await preflight([fatalInput()]);
  assert.deepEqual(
    result.predictions.map(({ outcome, stage }) => [outcome, stage]),
    [
      ['fatal', 'functions'],
      ['not-reached', null],
    ],
  );
  const refusal = refusalOf(result);
  assert.equal(refusal?.code, 'would-be-fatal');
  assert.equal(refusal?.exitCode, 1);
  assert.match(
    refusal?.message ?? '',
    /would not survive the upload: .* unmapped address ffff82d05/,
  );
  const target = {
    buildId: image.buildIds[0]?.id,
    model,
    symbols: image.symbols,
    notVerified: null,
  };
  assert.ok(target.buildId);
  const report = await check([fatalInput()], { ...target, buildId: target.buildId });
  assert.equal(report.ok, false);
  assert.equal(report.verdicts?.[0]?.outcome, 'fatal');
});

test('a step after one that is refused is not reached', async () => {
  const result = await preflight([read(demo('expect-wrong'))]);
  assert.deepEqual(
    result.predictions.map(({ outcome, stage, errno }) => [outcome, stage, errno]),
    [
      ['accepted', null, null],
      ['refused', 'expectations', 22],
    ],
  );
});

test('what cannot be verified is not uploaded if the reader finds an error in it', () => {
  const findingsIn = (name: string) =>
    readPayloadInputs([read(demo(name))]).flatMap(({ payload }) => payload.findings);
  const refusal = refusalUnverified(findingsIn('wrong-version'));
  assert.equal(refusal?.code, 'unverified-payload');
  assert.match(refusal?.message ?? '', /wrong-version\.livepatch: .*version 99, expected 2/);
  assert.equal(refusalUnverified(findingsIn('hello')), null);
});

test('images that make no model say why', () => {
  const cases = [
    [{ ...image, buildIds: [] }, 'image-no-build-id'],
    [{ ...image, symbols: null }, 'image-no-symbols'],
    [{ ...image, memory: [] }, 'image-no-memory'],
    [{ ...image, release: null }, 'image-no-release'],
    [{ ...image, machine: 183 }, 'image-wrong-machine'],
    [
      { ...image, memory: image.memory.map((range) => ({ ...range, sizeBytes: 1n << 62n })) },
      'image-too-large',
    ],
  ] as const;
  for (const [broken, code] of cases) {
    assert.throws(
      () => modelFromImage(broken, null),
      (error) => error instanceof XspliceError && error.code === code && error.hint !== undefined,
      code,
    );
  }
});

test('a symbol table survives its text form', () => {
  const table = image.symbols;
  assert.ok(table);
  const copy = readXensyms(formatXensyms(table));
  assert.equal(copy.entries.length, table.entries.length);
  for (const { name, address, type } of table.entries) {
    assert.equal(copy.lookup(name), table.lookup(name));
    assert.ok(copy.at(address).some((s) => s.name === name && s.type === type));
  }
});
