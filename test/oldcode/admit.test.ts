import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { BuildId } from '../../core/abi/ids.js';
import { codeContextOf, requireKnownCode } from '../../core/change/known-code.js';
import { modelWithApplied } from '../../core/host/applied-model.js';
import type { PreflightModel } from '../../core/host/host.js';
import { modelFromImage } from '../../core/host/image-model.js';
import { modelForSnapshot } from '../../core/host/observed-model.js';
import { snapshotOf } from '../../core/hypervisor/embedded/snapshot.js';
import type { Snapshot } from '../../core/hypervisor/snapshot.js';
import { type HypervisorImage, readImage } from '../../core/image/index.js';
import { GuardRefusal } from '../../core/oldcode/admit.js';
import { admitReplacement } from '../../core/oldcode/admit-replace.js';
import { type CodeContext, recordPayload } from '../../core/oldcode/index.js';
import { inputFile } from '../../core/payload/input-file.js';
import { type PayloadInput, readPayloadInputs } from '../../core/payload/read-inputs.js';
import { DEMO, DEMO_IMAGE } from '../support/cli.js';

const image: HypervisorImage = readImage(readFileSync(DEMO_IMAGE), 'xen-syms-demo');
const { model: booted, version } = modelFromImage(image, null);

function inputs(...names: readonly string[]): readonly PayloadInput[] {
  const read = (name: string) => new Uint8Array(readFileSync(join(DEMO, `${name}.livepatch`)));
  return readPayloadInputs(names.map((name) => inputFile(`${name}.livepatch`, read(name))));
}

/** What is seen of a Xen with these payloads applied. */
function observed(...names: readonly string[]): Snapshot {
  return snapshotOf(modelWithApplied(booted, inputs(...names)), version);
}

/** The copy of it that code is compared on, where the contents of so many payloads are at hand. */
function copyOf(snapshot: Snapshot, ...known: readonly string[]): PreflightModel {
  const contents = new Map<BuildId, Uint8Array>();
  for (const { planned, input } of inputs(...known)) {
    if (planned.buildId !== null) contents.set(planned.buildId, input.bytes);
  }
  const { model, opaque } = modelForSnapshot(booted, snapshot, contents);
  const { symbols } = image;
  assert.ok(symbols !== null);
  return { model, opaque, version, symbols, unknown: [], image: async () => image };
}

/** A payload with a record in it. */
function recorded(setting: CodeContext, name: string): PayloadInput {
  const [input] = inputs(name);
  assert.ok(input);
  const { bytes } = recordPayload(setting, input.payload, { expect: false });
  const [again] = readPayloadInputs([inputFile(`${name}.livepatch`, bytes)]);
  assert.ok(again);
  return again;
}

let bare: CodeContext;
before(async () => {
  bare = await codeContextOf(copyOf(observed()));
});

describe('admitReplacement', () => {
  it('compares with the bare hypervisor, also under payloads of which nothing is known', async () => {
    const setting = await codeContextOf(copyOf(observed('hello', 'bye')));
    assert.deepEqual(setting.model.applied, ['hello', 'bye']);
    const report = admitReplacement('both', setting, recorded(bare, 'replace'));
    const [only] = report.payloads;
    assert.deepEqual([only?.passes, only?.by], [true, ['build-id', 'old-code']]);
    assert.equal(only?.functions[0]?.comparison.result, 'equal');
  });

  it('refuses what was made against a payload that will be gone', async () => {
    const model = modelWithApplied(booted, inputs('hello'));
    const late = recorded({ ...bare, model }, 'replace');
    const setting = await codeContextOf(copyOf(observed('hello'), 'hello'));
    assert.throws(
      () => admitReplacement('old-code', setting, late),
      (error) =>
        error instanceof GuardRefusal &&
        error.code === 'old-code-differs' &&
        error.report.payloads[0]?.functions[0]?.comparison.result === 'differs',
    );
  });
});

describe('requireKnownCode', () => {
  const require = async (snapshot: Snapshot, ...known: readonly string[]) => {
    const copy = copyOf(snapshot, ...known);
    requireKnownCode(await codeContextOf(copy), copy, snapshot);
  };

  it('wants the file of every applied payload, and names those that are missing', async () => {
    const snapshot = observed('hello', 'bye');
    await assert.rejects(require(snapshot, 'hello'), {
      code: 'opaque-payload',
      message: /: bye is/,
    });
    await require(snapshot, 'hello', 'bye');
  });

  /** As Xen shows payloads that were applied with NODEPS. */
  const unordered = (snapshot: Snapshot): Snapshot => ({
    ...snapshot,
    payloads: snapshot.payloads.map((payload) => ({ ...payload, position: null })),
  });

  it('wants the order of two that replaced the same, and of no others', async () => {
    const same = unordered(observed('hello', 'bye'));
    await assert.rejects(require(same, 'hello', 'bye'), {
      code: 'unknown-stack',
      message: /hello and bye both replaced xen_extra_version/,
    });
    const others = ['independent-a', 'independent-b'];
    await require(unordered(observed(...others)), ...others);
  });
});
