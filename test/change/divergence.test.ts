import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { divergencesOf } from '../../core/change/divergence.js';
import type { ExecutionReport, StepReport } from '../../core/change/execution.js';
import type { Prediction } from '../../core/change/preflight.js';
import type { Step } from '../../core/stack/index.js';
import { idOf, snapshotOf } from '../support/stack-builders.js';

const step: Step = {
  action: 'upload',
  name: 'fix',
  buildId: idOf('fix'),
  depends: null,
  file: 'fix.livepatch',
  sha256: 'ab'.repeat(32),
  reason: 'it is not loaded',
};
const accepted: Prediction = {
  step,
  outcome: 'accepted',
  errno: null,
  stage: null,
  log: [],
  assumptions: [],
  cause: null,
  faults: [],
};

function reportOf(status: StepReport['status'], rc: number): ExecutionReport {
  const result = {
    hypercallRc: rc,
    payloadRc: null,
    log: ['fix: surprise\u001b[2J'],
    elapsedMs: 1,
  };
  const steps = [{ step, status, result, attempts: 1 }];
  return {
    ...{ outcome: 'taken-back', asItWas: true, interrupted: false, lost: [] },
    ...{ steps, undone: [], after: snapshotOf([]), forgotten: [] },
  };
}

describe('divergences', () => {
  const preflight = { ok: true, version: '4.17.7', predictions: [accepted] };

  it('are failures of what was predicted to be accepted, with all that reproduces them', () => {
    const [finding, ...rest] = divergencesOf(preflight, reportOf('failed', -22));
    assert.deepEqual(rest, []);
    assert.equal(finding?.code, 'divergence');
    assert.match(finding?.message ?? '', /4\.17\.7.*upload of fix.*-22 \(EINVAL\).*surprise/);
    assert.match(finding?.hint ?? '', new RegExp(`${step.buildId}.*${step.sha256}`));
  });

  it('are not made of an announced assumption that does not hold: that is what is said (defect 4)', () => {
    const assumed = { ...accepted, assumptions: ['the hook of fix returns 0'] };
    const found = divergencesOf({ ...preflight, predictions: [assumed] }, reportOf('failed', -22));
    assert.deepEqual(
      found.map(({ code }) => code),
      ['assumption-failed'],
    );
    assert.match(found[0]?.message ?? '', /did not hold: the hook of fix returns 0$/);
    assert.match(found[0]?.hint ?? '', /-22 \(EINVAL\)/);
  });

  it('are not made of what another tool meddled with', () => {
    const undo: Step = { ...step, action: 'unload', reason: 'somebody else unloaded it' };
    const undone = [{ step: undo, status: 'none', result: null, attempts: 0 } as const];
    assert.deepEqual(divergencesOf(preflight, { ...reportOf('failed', -22), undone }), []);
  });

  it('are not made of busy steps, of successes, or where nothing was predicted', () => {
    assert.deepEqual(divergencesOf(preflight, reportOf('busy', -16)), []);
    assert.deepEqual(divergencesOf(preflight, reportOf('done', 0)), []);
    assert.deepEqual(divergencesOf({ notVerified: 'no image' }, reportOf('failed', -22)), []);
  });
});
