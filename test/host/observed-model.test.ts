import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { BuildId } from '../../core/abi/ids.js';
import { modelFromImage } from '../../core/host/image-model.js';
import { modelForSnapshot } from '../../core/host/observed-model.js';
import { snapshotOf } from '../../core/hypervisor/embedded/snapshot.js';
import { readImage } from '../../core/image/index.js';
import { apply, type Model, upload } from '../../core/verify/index.js';
import { repositoryRoot } from '../support/repository.js';

const demo = join(repositoryRoot(), 'payloads', 'demo');
const file = (name: string) => readFileSync(join(demo, `${name}.livepatch`));
const { model: booted, version } = modelFromImage(
  readImage(readFileSync(join(demo, 'xen-syms-demo')), 'xen-syms-demo'),
  null,
);

/** hello and bye applied, replace uploaded. */
function running(): Model {
  let model = booted;
  for (const name of ['hello', 'bye', 'replace']) model = upload(model, name, file(name)).model;
  for (const name of ['hello', 'bye']) model = apply(model, name, { nodeps: false }).model;
  return model;
}

function contents(...names: string[]): Map<BuildId, Uint8Array> {
  const ids = snapshotOf(running(), version).payloads;
  return new Map(
    names.flatMap((name) => {
      const id = ids.find((payload) => payload.name === name)?.buildId;
      return id ? [[id, new Uint8Array(file(name))] as const] : [];
    }),
  );
}

describe('the model of a hypervisor that was observed', () => {
  const snapshot = snapshotOf(running(), version);

  it('is the hypervisor itself where all contents are at hand', () => {
    const { model, opaque } = modelForSnapshot(
      booted,
      snapshot,
      contents('hello', 'bye', 'replace'),
    );
    assert.deepEqual(opaque, []);
    assert.deepEqual(snapshotOf(model, version), snapshot);
    assert.deepEqual(
      model.memory.regions.map(({ bytes }) => Buffer.from(bytes).toString('base64')),
      running().memory.regions.map(({ bytes }) => Buffer.from(bytes).toString('base64')),
    );
  });

  it('keeps ids, states and order of payloads whose contents are not', () => {
    const { model, opaque } = modelForSnapshot(booted, snapshot, new Map());
    assert.deepEqual(opaque, ['hello', 'bye', 'replace']);
    const facts = ({ payloads }: typeof snapshot) =>
      payloads.map(({ name, state, buildId, depends, position }) => ({
        name,
        state,
        buildId,
        depends,
        position,
      }));
    assert.deepEqual(facts(snapshotOf(model, version)), facts(snapshot));
  });

  it('lets the next of the chain on top of an opaque payload, and no other', () => {
    const first = { ...snapshot, payloads: snapshot.payloads.slice(0, 1) };
    const { model } = modelForSnapshot(booted, first, new Map());
    const bye = apply(upload(model, 'bye', file('bye')).model, 'bye', { nodeps: false });
    assert.equal(bye.verdict.outcome.outcome, 'accepted');
    const other = upload(model, 'chain-02', file('chain-02')).model;
    const refused = apply(other, 'chain-02', { nodeps: false }).verdict;
    assert.deepEqual(refused.outcome, { outcome: 'refused', stage: 'dependency', errno: 22 });
  });
});
