import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkHazards } from '../../core/hazards/index.js';
import { modelFromImage } from '../../core/host/image-model.js';
import { modelWithoutImage } from '../../core/host/running-xen.js';
import { modelFromSymbols, UNKNOWN_BYTES } from '../../core/host/symbols-model.js';
import { snapshotOf } from '../../core/hypervisor/embedded/snapshot.js';
import { readImage, readXensyms } from '../../core/image/index.js';
import { type Answer, apply, type Model, upload } from '../../core/verify/index.js';
import { repositoryRoot } from '../support/repository.js';

const demo = join(repositoryRoot(), 'payloads', 'demo');
const file = (name: string) => readFileSync(join(demo, `${name}.livepatch`));
const image = readImage(readFileSync(join(demo, 'xen-syms-demo')), 'xen-syms-demo');
const { model: booted, symbols: xensyms, version } = modelFromImage(image, null);

function bySymbols(): Model {
  const { buildId, rules } = booted;
  assert.ok(buildId !== null);
  const model = modelFromSymbols({
    buildId,
    release: rules.release,
    symbols: readXensyms(xensyms),
  });
  assert.ok(typeof model !== 'string', String(model));
  return model;
}

const outcomes = (model: Model, name: string): readonly Answer[] => {
  const uploaded = upload(model, name, file(name));
  return [uploaded, apply(uploaded.model, name, { nodeps: false })];
};

describe('a hypervisor of which only the symbols are known', () => {
  const names = readdirSync(demo)
    .filter((name) => name.endsWith('.livepatch') && name !== 'expect-wrong.livepatch')
    .map((name) => name.replace('.livepatch', ''));
  assert.ok(names.length > 30);

  for (const name of names) {
    it(`${name} gets the verdict that it gets with an image`, () => {
      const seen = outcomes(bySymbols(), name).map(({ verdict }) => verdict);
      const known = outcomes(booted, name).map(({ verdict }) => verdict);
      assert.deepEqual(
        seen.map(({ outcome, hypercallRc, payloadRc, log }) => [
          outcome,
          hypercallRc,
          payloadRc,
          log,
        ]),
        known.map(({ outcome, hypercallRc, payloadRc, log }) => [
          outcome,
          hypercallRc,
          payloadRc,
          log,
        ]),
      );
    });
  }

  it('maps what the image maps, and places payloads where the image does', () => {
    const ranges = ({ memory }: Model) =>
      memory.regions.map(({ base, bytes, writable, holds }) => [
        base,
        bytes.length,
        writable,
        holds,
      ]);
    assert.deepEqual(ranges(bySymbols()), ranges(booted));
    assert.equal(bySymbols().vmapStart, booted.vmapStart);
  });

  it('an expectation is neither right nor wrong: it is assumed, and said to be', () => {
    for (const name of ['expect-right', 'expect-wrong']) {
      const [, applied] = outcomes(bySymbols(), name);
      assert.equal(applied?.verdict.outcome.outcome, 'accepted');
      assert.ok(
        applied.verdict.assumptions.includes(
          `xen_extra_version has the bytes that ${name} expects`,
        ),
        applied.verdict.assumptions.join('\n'),
      );
    }
    const [, known] = outcomes(booted, 'expect-wrong');
    assert.equal(known?.verdict.outcome.outcome, 'refused');
    assert.deepEqual(known?.verdict.assumptions, []);
  });

  it('whether a function begins with ENDBR64 is assumed where it decides, and said to be', () => {
    const nop = outcomes(bySymbols(), 'nop').flatMap(({ verdict }) => verdict.assumptions);
    assert.ok(
      nop.some((text) => /^the code at [0-9a-f]{16} does not begin with ENDBR64$/.test(text)),
    );
    // There is room for a jump behind an ENDBR64 too.
    for (const { verdict } of outcomes(bySymbols(), 'hello')) {
      assert.deepEqual(verdict.assumptions, []);
    }
    for (const { verdict } of outcomes(booted, 'nop')) assert.deepEqual(verdict.assumptions, []);
  });

  it('nothing is said about instructions that nobody knows', () => {
    const { model } = upload(bySymbols(), 'nop', file('nop'));
    const [payload] = model.payloads;
    assert.ok(payload);
    const context = { symbols: readXensyms(xensyms), imports: null, intent: 'apply' } as const;
    assert.deepEqual(checkHazards(model, payload, context), []);
  });
});

describe('the copy of a running hypervisor without an image', () => {
  const snapshot = snapshotOf(upload(booted, 'hello', file('hello')).model, version);

  it('names what it does not know, and fails where the image itself is wanted', async () => {
    const copy = modelWithoutImage(snapshot, xensyms, []);
    assert.ok(copy.model !== null);
    assert.deepEqual(copy.unknown, [
      UNKNOWN_BYTES,
      'symbols, hooks and code of hello, loaded before',
    ]);
    await assert.rejects(copy.image(), { code: 'host-no-image' });
  });

  it('is none where the symbols cannot be read, or lack what tells the memory', () => {
    const without = xensyms.replace(/^.* __2M_rodata_end\n/m, '');
    assert.notEqual(without, xensyms);
    for (const [text, why] of [
      [null, /^no image with the running Xen's build-id [0-9a-f]+ was found/],
      [without, /lack __2M_rodata_end/],
    ] as const) {
      const copy = modelWithoutImage(snapshot, text, []);
      assert.ok(copy.model === null);
      assert.match(copy.why, why);
    }
  });
});
