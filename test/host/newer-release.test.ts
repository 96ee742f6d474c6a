import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { check } from '../../core/check/index.js';
import { XspliceError } from '../../core/findings/index.js';
import { modelFromImage } from '../../core/host/image-model.js';
import { modelWithoutImage } from '../../core/host/running-xen.js';
import { readImage } from '../../core/image/index.js';
import { inputFile } from '../../core/payload/index.js';
import { judgedAs } from '../../core/verify/index.js';
import { DEMO_IMAGE, demo } from '../support/cli.js';
import { snapshotOf } from '../support/stack-builders.js';

const image = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE);
const newer = { major: 4, minor: 99, patch: null };
const ASSUMPTION = 'the rules of Xen 4.99 are not known, those of 4.22 are taken';

describe('a Xen that is newer than the rules (defect 3)', () => {
  it('is judged by the newest known ones, which is said', () => {
    assert.deepEqual(judgedAs(newer), {
      release: { major: 4, minor: 22, patch: null },
      assumption: ASSUMPTION,
    });
    assert.equal(judgedAs({ major: 4, minor: 22, patch: 0 }).assumption, null);
    const booted = modelFromImage({ ...image, release: newer }, null);
    assert.equal(booted.assumption, ASSUMPTION);
    assert.equal(booted.model.rules.release.minor, 22);
  });

  it('that is named with --xen is a mistake all the same', () => {
    assert.throws(
      () => modelFromImage(image, newer),
      (error: unknown) => error instanceof XspliceError && error.code === 'unknown-release',
    );
  });

  it('as a host can be worked with: the plan says what is assumed', () => {
    const snapshot = snapshotOf([]);
    const { hypervisor } = snapshot;
    const host = { ...snapshot, hypervisor: { ...hypervisor, release: newer } };
    const xensyms = modelFromImage(image, null).symbols;
    const copy = modelWithoutImage(host, xensyms, []);
    assert.ok(copy.model !== null);
    assert.ok(copy.unknown.includes(ASSUMPTION));
  });

  it('gives check a verdict with a warning, and no verdict at all is an error', async () => {
    const file = demo('hello');
    const inputs = [inputFile(file, readFileSync(file))];
    const { model, assumption } = modelFromImage({ ...image, release: newer }, null);
    const buildId = image.buildIds[0]?.id ?? assert.fail();
    const target = { buildId, symbols: image.symbols, notVerified: null };
    const judged = await check(inputs, { ...target, model, assumption });
    assert.equal(judged.ok, true);
    assert.ok(judged.verdicts?.every(({ outcome }) => outcome === 'accepted'));
    assert.deepEqual(
      judged.findings
        .filter(({ code }) => code === 'release-unknown')
        .map(({ severity }) => severity),
      ['warning'],
    );
    const blind = { ...target, model: null, isImageGiven: true, notVerified: 'it has no symbols' };
    const unjudged = await check(inputs, blind);
    assert.equal(unjudged.ok, false);
    assert.equal(unjudged.findings[0]?.code, 'not-verified');
  });
});
