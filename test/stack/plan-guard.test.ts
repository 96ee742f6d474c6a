import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { XspliceError } from '../../core/findings/index.js';
import type { Admission, Plan } from '../../core/stack/plan.js';
import { planApply } from '../../core/stack/plan-apply.js';
import { planRevertOne } from '../../core/stack/plan-revert.js';
import { HOST, loaded, payloadFile, snapshotOf, stackOfFiles } from '../support/stack-builders.js';

const a = payloadFile('a', null);
const b = payloadFile('b', null);
const c = payloadFile('c', 'b');
const options = { host: HOST, guard: 'old-code' } as const;

const admission = (needsNodeps: boolean): Admission => ({ needsNodeps, reason: 'was compared' });
const steps = (plan: Plan) =>
  plan.steps.map(({ action, name, nodeps }) => `${action} ${name}${nodeps ? ' NODEPS' : ''}`);
const free = () => null;

function codeOf(run: () => Plan): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof XspliceError, String(error));
    return error.code;
  }
  return assert.fail('the plan was not refused');
}

describe('planApply of admitted payloads', () => {
  it('keeps the order and gives NODEPS where it is needed', () => {
    const admitted = new Map([
      [a.file, admission(false)],
      [b.file, admission(true)],
      [c.file, admission(false)],
    ]);
    const plan = planApply(snapshotOf([]), [a, b, c], { ...options, admitted });
    assert.deepEqual(steps(plan).slice(3), ['apply a', 'apply b NODEPS', 'apply c']);
    const applies = plan.steps.filter(({ action }) => action === 'apply');
    assert.ok(
      applies.every(({ guard, reason }) => guard === 'old-code' && reason === 'was compared'),
    );
    assert.deepEqual(
      plan.findings.map(({ code, severity }) => [code, severity]),
      [['parents-not-compared', 'note']],
    );
  });

  it('says nothing of NODEPS where none is needed', () => {
    const admitted = new Map([[a.file, admission(false)]]);
    assert.deepEqual(planApply(snapshotOf([]), [a], { ...options, admitted }).findings, []);
  });

  it('takes no two files of one id', () => {
    const twin = { ...a, file: 'twin.livepatch' };
    const admitted = new Map([a, twin].map(({ file }) => [file, admission(false)]));
    const code = codeOf(() => planApply(snapshotOf([]), [a, twin], { ...options, admitted }));
    assert.equal(code, 'not-a-chain');
  });
});

describe('planRevertOne', () => {
  const stack = stackOfFiles([a, b, c]);

  it('reverts what is above, then it, and applies the others again in their order', () => {
    const plan = planRevertOne(stack, 'a', options, free);
    assert.deepEqual(steps(plan), ['revert c', 'revert b', 'revert a', 'apply b', 'apply c']);
    assert.deepEqual(
      plan.after.map(({ name }) => name),
      ['b', 'c'],
    );
  });

  it('uses NODEPS where the parent is gone', () => {
    const plan = planRevertOne(stack, 'b', options, free);
    assert.deepEqual(steps(plan), ['revert c', 'revert b', 'apply c NODEPS']);
  });

  it('reverts the top alone', () => {
    assert.deepEqual(steps(planRevertOne(stack, 'c', options, free)), ['revert c']);
  });

  it('refuses what cannot be applied again, what is not applied, and an order that is not known', () => {
    const why = ({ name }: { readonly name: string }) => (name === 'c' ? 'it cannot' : null);
    assert.equal(
      codeOf(() => planRevertOne(stack, 'a', options, why)),
      'not-reapplicable',
    );
    const beside = snapshotOf([loaded(a, 1), loaded(b, null, { state: 'CHECKED' })]);
    assert.equal(
      codeOf(() => planRevertOne(beside, 'b', options, free)),
      'target-not-applied',
    );
    const unknown = snapshotOf([a, b].map((p) => loaded(p, null, { state: 'APPLIED' })));
    assert.equal(
      codeOf(() => planRevertOne(unknown, 'a', options, free)),
      'unknown-stack',
    );
  });
});
