import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { originalCode } from '../../core/hazards/original-code.js';
import { apply, type Model, revert, upload } from '../../core/verify/index.js';
import { demoHypervisor, longChain } from '../support/hostile-payloads.js';

const { image, model: untouched } = demoHypervisor();
const at = image.symbols?.lookup('xen_extra_version') ?? assert.fail('the demo has it');
const CODE_BYTES = 32n;

/** Uploads and applies; what does not go well is a fault of the test. */
function withApplied(model: Model, name: string, bytes: Uint8Array): Model {
  const uploaded = upload(model, name, bytes);
  const applied = apply(uploaded.model, name, { nodeps: false });
  assert.equal(applied.verdict.outcome.outcome, 'accepted', name);
  return applied.model;
}

function bytesOf(model: Model) {
  return model.memory.read(at, Number(CODE_BYTES));
}

function originalOf(model: Model) {
  return originalCode(model).bytes(at, at + CODE_BYTES);
}

describe('code without the patches that are applied', () => {
  const before = bytesOf(untouched);
  const stack = [untouched];
  for (const [index, bytes] of longChain(4, 2).entries()) {
    stack.push(withApplied(stack.at(-1) ?? untouched, `p${index}`, bytes));
  }

  it('is the same under any number of patches of one function, asked in any order', () => {
    for (const order of [stack, stack.toReversed(), [...stack, ...stack]]) {
      for (const model of order) assert.deepEqual(originalOf(model), before);
    }
    assert.notDeepEqual(bytesOf(stack.at(-1) ?? untouched), before);
  });

  it('is what a model of its own has, where two share the payloads below', () => {
    const [, lowest] = stack;
    assert.ok(lowest);
    const [other] = longChain(3, 3).slice(1);
    assert.ok(other);
    // Another payload on the same one as p1: what p1 saved is not taken for what this one saved.
    const branch = withApplied(lowest, 'other', other);
    for (const model of [...stack, branch, ...stack]) assert.deepEqual(originalOf(model), before);
  });

  it('is what is there once they are reverted', () => {
    const top = stack[1] ?? untouched;
    const reverted = revert(top, 'p0').model;
    assert.equal(reverted.applied.length, 0);
    assert.deepEqual(originalOf(reverted), bytesOf(reverted));
  });
});
