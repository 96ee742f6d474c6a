import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { unknownFindings } from '../../core/change/unknown-findings.js';
import type { PreflightModel } from '../../core/host/host.js';
import { modelFromImage } from '../../core/host/image-model.js';
import { modelWithoutImage } from '../../core/host/running-xen.js';
import { readImage } from '../../core/image/index.js';
import { inputFile, type PayloadInput, readPayloadInputs } from '../../core/payload/index.js';
import { planApply } from '../../core/stack/plan-apply.js';
import { planReplace } from '../../core/stack/plan-replace.js';
import { DEMO_IMAGE, demo } from '../support/cli.js';
import { HOST, idOf, loaded, snapshotOf } from '../support/stack-builders.js';

const image = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE);
const { model: booted, symbols, version } = modelFromImage(image, null);
const buildId = image.buildIds[0]?.id ?? assert.fail();

function read(name: string): readonly PayloadInput[] {
  const file = demo(name);
  return readPayloadInputs([inputFile(file, readFileSync(file))]);
}

function snapshot() {
  const empty = snapshotOf([]);
  const release = { major: 4, minor: 17, patch: 7 };
  return { ...empty, hypervisor: { buildId, version, release } };
}

const withImage: PreflightModel = {
  ...{ model: booted, version, unknown: [], opaque: [] },
  symbols: image.symbols ?? assert.fail(),
  image: async () => image,
};
const withoutImage = (payloads: readonly PayloadInput[]) =>
  modelWithoutImage(snapshot(), symbols, payloads);
const nothing: PreflightModel = { model: null, why: 'nothing is known' };

function codesOf(name: string, copy: PreflightModel, verb: 'apply' | 'replace' = 'apply') {
  const payloads = read(name);
  const [only] = payloads;
  assert.ok(only);
  const here = snapshot();
  const plan =
    verb === 'apply'
      ? planApply(here, [only.planned], { host: HOST })
      : planReplace(here, only.planned, { host: HOST });
  return unknownFindings(plan, here, payloads, copy).map(({ code, severity }) => [code, severity]);
}

describe('what is not known of a host', () => {
  it('stops NOPs over unknown code, and nothing else that an ordinary payload has (defect 6)', () => {
    assert.deepEqual(codesOf('nop', withoutImage(read('nop'))), [
      ['nop-over-unknown-code', 'error'],
    ]);
    assert.deepEqual(codesOf('nop', withImage), []);
    for (const name of ['hello', 'build-tools-shape', 'data', 'expect-right', 'hook-preapply']) {
      assert.deepEqual(codesOf(name, withoutImage(read(name))), [], name);
      assert.deepEqual(codesOf(name, nothing), [], name);
    }
  });

  it('stops a REPLACE whose expectations cannot be compared', () => {
    assert.deepEqual(codesOf('expect-right', withoutImage(read('expect-right')), 'replace'), [
      ['replace-expects-unknown-code', 'error'],
    ]);
    assert.deepEqual(codesOf('expect-right', withImage, 'replace'), []);
  });

  it('stops an address that the payload gives itself, where not even the symbols are known', () => {
    assert.deepEqual(codesOf('old-address', nothing), [['old-address-not-known', 'error']]);
    assert.deepEqual(codesOf('old-address', withoutImage(read('old-address'))), []);
  });

  it('stops a patch over that of a stranger, and not over that of a payload below', () => {
    const payloads = read('hello');
    const [only] = payloads;
    assert.ok(only);
    const functions = only.planned.functions;
    const here = snapshot();
    const other = { ...only.planned, name: 'other', buildId: idOf('other') };
    const stranger = loaded(other, 1);
    const now = { ...here, payloads: [stranger] };
    const opaque: PreflightModel = { ...withImage, opaque: ['other'] };
    const plan = planApply(now, [only.planned], { host: HOST, guard: 'nodeps' });
    assert.deepEqual(
      unknownFindings(plan, now, payloads, opaque).map(({ code }) => code),
      functions.map(() => 'patched-by-stranger'),
    );
    const steps = plan.steps.map(({ nodeps: _, ...step }) => step);
    assert.deepEqual(unknownFindings({ ...plan, steps }, now, payloads, opaque), []);
  });
});
