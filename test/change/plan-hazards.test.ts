import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hazardsOfPlan } from '../../core/change/plan-hazards.js';
import { snapshotOf } from '../../core/hypervisor/embedded/snapshot.js';
import { createSymbolTable } from '../../core/image/symbol-table.js';
import { planUnload } from '../../core/stack/index.js';
import { apply, type Model, upload } from '../../core/verify/index.js';
import { idBytes } from '../support/payload-builder.js';
import { HOST } from '../support/stack-builders.js';
import { note, plainFunction, tinyModel, tinyPayload, verdictLine } from '../support/tiny-model.js';

/** `owner` has a function, `user` replaces one of Xen's by it; `user` is applied. */
function bound(): Model {
  const owner = tinyPayload({
    buildId: note(idBytes(1)),
    extraSymbols: [{ name: 'shared', section: '.text', value: 16n }],
  });
  const user = tinyPayload({
    buildId: note(idBytes(2)),
    functions: [plainFunction({ name: 'other_fn', newAddress: 'shared' })],
    extraSymbols: [{ name: 'shared' }],
    stringsSymbol: 'other_strings',
  });
  const uploaded = upload(upload(tinyModel('4.17.7'), 'owner', owner).model, 'user', user);
  assert.equal(verdictLine(uploaded), 'accepted');
  const applied = apply(uploaded.model, 'user', { nodeps: true });
  assert.equal(verdictLine(applied), 'accepted');
  return applied.model;
}

it('the unload of a payload that an applied one is bound to is an error of its plan', () => {
  const model = bound();
  const host = {
    ...{ model, version: '4.17.7', unknown: [], opaque: [] },
    symbols: createSymbolTable([]),
    image: () => Promise.reject(new Error('no image')),
  };
  const plan = planUnload(snapshotOf(model, '4.17.7'), ['owner'], { host: HOST });
  assert.deepEqual(
    hazardsOfPlan(plan, [], host).map(({ code, severity, payload }) => [code, severity, payload]),
    [['unload-leaves-links', 'error', 'owner']],
  );
});
