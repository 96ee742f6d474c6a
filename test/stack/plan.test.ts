import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseBuildId } from '../../core/abi/ids.js';
import { InternalError, XspliceError } from '../../core/findings/index.js';
import { fingerprintOf } from '../../core/hypervisor/snapshot.js';
import { changesSomething, type Plan, type Step } from '../../core/stack/plan.js';
import { planApply, planLoad } from '../../core/stack/plan-apply.js';
import { planApplyLoaded } from '../../core/stack/plan-apply-loaded.js';
import { planReplace } from '../../core/stack/plan-replace.js';
import { planRevert } from '../../core/stack/plan-revert.js';
import { planUnload, planUpload } from '../../core/stack/plan-upload.js';
import { applySteps } from '../../core/stack/simulate.js';
import {
  HOST,
  idOf,
  loaded,
  payloadFile,
  snapshotOf,
  stackOfFiles,
  XEN_ID,
} from '../support/stack-builders.js';

const on = { host: HOST };
const steps = (plan: Plan) => plan.steps.map((step) => `${step.action} ${step.name}`);
const after = (plan: Plan) => plan.after.map((entry) => entry.name);

function refusal(run: () => Plan): XspliceError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof XspliceError, String(error));
    assert.equal(error.exitCode, 1);
    return error;
  }
  return assert.fail('the plan was not refused');
}

const p1 = payloadFile('p01', null);
const p2 = payloadFile('p02', 'p01');
const p3 = payloadFile('p03', 'p02');
const empty = snapshotOf([]);

describe('planApply', () => {
  it('uploads all, then applies all, in the order of the chain', () => {
    const plan = planApply(empty, [p3, p1, p2], on);
    assert.deepEqual(steps(plan), [
      'upload p01',
      'upload p02',
      'upload p03',
      'apply p01',
      'apply p02',
      'apply p03',
    ]);
    assert.deepEqual(after(plan), ['p01', 'p02', 'p03']);
    assert.deepEqual(plan.before, []);
    assert.equal(plan.fingerprint, fingerprintOf(empty));
    assert.ok(plan.steps.every((step) => step.reason !== ''));
    assert.deepEqual(plan.steps[0]?.sha256, p1.sha256);
    const applies = plan.steps.filter((step) => step.action === 'apply');
    assert.deepEqual(
      applies.map((step) => [step.guard, step.nodeps, step.reason]),
      [
        ['build-id', false, 'builds on the hypervisor'],
        ['build-id', false, 'builds on p01'],
        ['build-id', false, 'builds on p02'],
      ],
    );
  });

  it('leaves alone what is applied, wherever it is in the stack', () => {
    const plan = planApply(stackOfFiles([p1, p2]), [p1, p2, p3], on);
    assert.deepEqual(steps(plan), ['none p01', 'none p02', 'upload p03', 'apply p03']);
    assert.equal(plan.steps[0]?.reason, 'is applied already, at position 1');
    assert.equal(plan.steps[3]?.reason, 'builds on p02, the top of the stack');
    const again = planApply(applySteps(stackOfFiles([p1, p2]), plan.steps), [p3, p1], on);
    assert.equal(changesSomething(again), false);
  });

  it('uses what is loaded, under the name it has', () => {
    const snapshot = snapshotOf([loaded(p1, null, { name: 'old name' })]);
    assert.deepEqual(steps(planApply(snapshot, [p1], on)), ['apply old name']);
  });

  const dirty = payloadFile('d', null, { safeToReapply: false });
  const reapply: readonly [string, boolean | null, boolean, string[]][] = [
    ['never reverted, with data', false, false, ['apply d']],
    ['reverted, with data', true, false, ['unload d', 'upload d', 'apply d']],
    ['perhaps reverted, with data', null, false, ['unload d', 'upload d', 'apply d']],
    ['reverted, without data', true, true, ['apply d']],
  ];
  for (const [name, reverted, safeToReapply, expected] of reapply) {
    it(`re-apply: ${name}`, () => {
      const snapshot = snapshotOf([loaded(dirty, null, { reverted })]);
      assert.deepEqual(steps(planApply(snapshot, [{ ...dirty, safeToReapply }], on)), expected);
    });
  }

  it('uploads anew what was linked to a copy that goes away', () => {
    const data = { ...p1, safeToReapply: false };
    const snapshot = snapshotOf([loaded(data, null, { reverted: true }), loaded(p2, null)]);
    assert.deepEqual(steps(planApply(snapshot, [data, p2], on)), [
      'unload p01',
      'unload p02',
      'upload p01',
      'upload p02',
      'apply p01',
      'apply p02',
    ]);
    const swapped = snapshotOf([loaded(p2, null), loaded(p1, 1)]);
    assert.deepEqual(steps(planApply(swapped, [p2], on)), [
      'unload p02',
      'upload p02',
      'apply p02',
    ]);
  });

  it('refuses number two alone, with both ids and what is needed first', () => {
    const error = refusal(() => planApply(empty, [p2], on));
    assert.equal(error.code, 'does-not-attach');
    assert.ok(error.message.includes(idOf('p01')) && error.message.includes(XEN_ID));
    assert.equal(error.hint, `Apply the payload with the build-id ${idOf('p01')} first.`);
    const [finding] = error.findings;
    assert.deepEqual([finding?.expected, finding?.actual], [XEN_ID, idOf('p01')]);
  });

  it('says what stands between a file and its parent', () => {
    const buried = refusal(() => planApply(stackOfFiles([p1, p2]), [payloadFile('x', 'p01')], on));
    assert.equal(
      buried.hint,
      'It builds on p01, which has other payloads above it: revert --to p01 first.',
    );
    const unapplied = refusal(() => planApply(snapshotOf([loaded(p1, null)]), [p2], on));
    assert.equal(
      unapplied.hint,
      'It builds on p01, which is loaded but not applied: apply p01 first.',
    );
    const base = refusal(() => planApply(stackOfFiles([p1]), [payloadFile('x', null)], on));
    assert.match(
      base.hint ?? '',
      /the stack already holds p01\..*--mode independent.*the fix of p01_fn would go/,
    );
  });

  it('refuses a gap in the files with the id that is missing', () => {
    const error = refusal(() => planApply(empty, [p1, p3], on));
    assert.equal(error.code, 'does-not-attach');
    assert.ok(error.message.includes('p01.livepatch') && error.message.includes(idOf('p02')));
  });

  it('passes on what the chain check found', () => {
    const fork = refusal(() => planApply(empty, [p1, p2, payloadFile('x', 'p01')], on));
    assert.deepEqual([fork.code, fork.findings[0]?.code], ['not-a-chain', 'fork']);
    const choose = refusal(() => planApply(empty, [payloadFile('x', null), p1], on));
    assert.deepEqual([choose.code, choose.findings[0]?.code], ['not-a-chain', 'several-roots']);
    const one = payloadFile('x', null, { functions: p1.functions });
    const alternatives = refusal(() => planApply(empty, [one, p1], on));
    assert.deepEqual(
      [alternatives.code, alternatives.findings[0]?.code],
      ['not-a-chain', 'several-cumulative'],
    );
    const other = payloadFile('x', null, { xenDepends: idOf('other') });
    assert.equal(refusal(() => planApply(empty, [other], on)).code, 'wrong-hypervisor');
  });

  it('refuses a name that is taken by a loaded payload or by another file', () => {
    const taken = snapshotOf([loaded(payloadFile('x', null), null, { name: 'p01' })]);
    const error = refusal(() => planApply(taken, [p1], on));
    assert.equal(error.code, 'name-taken');
    assert.ok(error.message.includes(idOf('x')) && error.message.includes(idOf('p01')));
    assert.match(error.hint ?? '', /Rename the file, or unload p01 first/);
    const twice = refusal(() => planApply(empty, [p1, { ...p2, name: 'p01' }], on));
    assert.equal(twice.code, 'name-taken');
    assert.ok(twice.message.includes('p02.livepatch') && twice.message.includes('p01.livepatch'));
    assert.equal(twice.hint, 'Rename one of the two files.');
    const below = snapshotOf([loaded(p1, 1, { name: 'p02' })]);
    const applied = refusal(() => planApply(below, [p2], on));
    assert.equal(applied.hint, 'Rename the file, or revert and unload p02 first.');
  });

  it('refuses on a stack it does not know, but for the guards that need no ids', () => {
    const unknownTop = snapshotOf([loaded(p1, 1, { buildId: null })]);
    const unknownOrder = snapshotOf([
      loaded(p1, 1, { position: null }),
      loaded(p2, 2, { position: null }),
    ]);
    for (const snapshot of [unknownTop, unknownOrder]) {
      const error = refusal(() => planApply(snapshot, [p3], on));
      assert.equal(error.code, 'unknown-stack');
      assert.match(error.hint ?? '', /--check old-code.*--nodeps/);
      assert.equal(
        refusal(() => planApply(snapshot, [p3], { host: HOST, guard: 'both' })).code,
        'unknown-stack',
      );
      for (const guard of ['old-code', 'nodeps'] as const) {
        const plan = planApply(snapshot, [p3], { host: HOST, guard });
        const [upload, apply] = plan.steps;
        assert.equal(upload?.action, 'upload');
        assert.deepEqual([apply?.action, apply?.nodeps, apply?.guard], ['apply', true, guard]);
        assert.equal(plan.findings[0]?.code, 'parents-not-compared');
        assert.equal(after(plan).at(-1), 'p03');
      }
    }
    assert.equal(
      refusal(() => planApply(snapshotOf([], null), [p1], on)).code,
      'hypervisor-no-build-id',
    );
  });

  it('keeps linked files in order without build-ids, and the rest as given', () => {
    const guard = { host: HOST, guard: 'nodeps' } as const;
    const stray = payloadFile('stray', 'nowhere');
    const plan = planApply(empty, [p3, stray, p2, p1], guard);
    assert.deepEqual(after(plan), ['p01', 'p02', 'p03', 'stray']);
    const ring = planApply(empty, [payloadFile('x', 'y'), payloadFile('y', 'x')], guard);
    assert.equal(ring.after.length, 2);
  });

  it('refuses to apply nothing', () => {
    assert.equal(refusal(() => planApply(empty, [], on)).code, 'no-payloads');
  });

  it('names the verb that was used', () => {
    const plan = planLoad(empty, p1, on);
    assert.deepEqual([plan.command, steps(plan)], ['load', ['upload p01', 'apply p01']]);
  });
});

describe('planApplyLoaded', () => {
  const snapshot = snapshotOf([loaded(p1, 1), loaded(p2, null), loaded(p3, null)]);

  it('applies by name and by build-id', () => {
    assert.deepEqual(steps(planApplyLoaded(snapshot, ['p02'], on)), ['apply p02']);
    assert.deepEqual(steps(planApplyLoaded(snapshot, [idOf('p02').slice(0, 10)], on)), [
      'apply p02',
    ]);
    assert.deepEqual(steps(planApplyLoaded(snapshot, ['p01'], on)), ['none p01']);
  });

  it('brings several into the order in which they build on one another', () => {
    const plan = planApplyLoaded(snapshot, ['p03', 'p01', 'p02', idOf('p03')], on);
    assert.deepEqual(steps(plan), ['none p01', 'apply p02', 'apply p03']);
    assert.deepEqual(
      plan.steps.map(({ reason }) => reason),
      [
        'is applied already, at position 1',
        'is loaded, and builds on the top of the stack',
        'is loaded, and builds on p02',
      ],
    );
    const nodeps = planApplyLoaded(snapshot, ['p03', 'p02'], { host: HOST, guard: 'nodeps' });
    assert.deepEqual(steps(nodeps), ['apply p02', 'apply p03']);
  });

  it('names the one of several that does not attach, and where an id is not known', () => {
    const all = snapshotOf([loaded(p1, null), loaded(p2, null), loaded(p3, null)]);
    const gap = refusal(() => planApplyLoaded(all, ['p03', 'p01'], on));
    assert.match(gap.message, /^p03 builds on [0-9a-f]+, but what it would be applied on is p01 /);
    const fork = payloadFile('fork', null);
    const forked = snapshotOf([loaded(p1, null), loaded(fork, null)]);
    const second = refusal(() => planApplyLoaded(forked, ['p01', 'fork'], on));
    assert.match(second.message, /^fork builds on .* is p01 /);
    const blank = snapshotOf([loaded(p1, null, { buildId: null }), loaded(p2, null)]);
    const unknown = refusal(() => planApplyLoaded(blank, ['p02', 'p01'], on));
    assert.equal(unknown.code, 'unknown-stack');
    assert.equal(
      unknown.message,
      'The build-id of p01 is not known, so it cannot be said whether p02 builds on it',
    );
  });

  it('refuses what is not loaded, what does not attach, and what is not known', () => {
    const unknown = refusal(() => planApplyLoaded(snapshot, ['nope'], on));
    assert.deepEqual(
      [unknown.code, unknown.hint],
      ['no-such-payload', 'Loaded are: p01, p02, p03.'],
    );
    const third = refusal(() => planApplyLoaded(snapshot, ['p03'], on));
    assert.equal(third.code, 'does-not-attach');
    assert.match(third.hint ?? '', /apply p02 first/);
    const blank = snapshotOf([loaded(p1, null, { depends: null, buildId: null })]);
    assert.equal(refusal(() => planApplyLoaded(blank, ['p01'], on)).code, 'unknown-stack');
    const trusted = planApplyLoaded(blank, ['p01'], { host: HOST, guard: 'nodeps' });
    assert.equal(trusted.steps[0]?.nodeps, true);
  });

  it('warns of what Xen may refuse, or link to a copy that is gone', () => {
    const reverted = snapshotOf([loaded(p1, null, { reverted: true })]);
    assert.equal(planApplyLoaded(reverted, ['p01'], on).findings[0]?.code, 'reverted-before');
    const swapped = snapshotOf([loaded(p2, null), loaded(p1, 1)]);
    assert.equal(planApplyLoaded(swapped, ['p02'], on).findings[0]?.code, 'uploaded-before-parent');
  });
});

describe('planRevert', () => {
  const stack = stackOfFiles([p1, p2, p3]);
  const table: readonly [to: string | null, steps: string[], after: string[]][] = [
    [null, ['revert p03'], ['p01', 'p02']],
    ['p01', ['revert p03', 'revert p02'], ['p01']],
    [idOf('p02'), ['revert p03'], ['p01', 'p02']],
    ['p03', ['none p03'], ['p01', 'p02', 'p03']],
    ['base', ['revert p03', 'revert p02', 'revert p01'], []],
  ];
  for (const [to, expected, left] of table) {
    it(`to ${to ?? 'just below the top'}`, () => {
      const plan = planRevert(stack, { to }, on);
      assert.deepEqual(steps(plan), expected);
      assert.deepEqual(after(plan), left);
    });
  }

  it('has nothing to do on an empty stack', () => {
    for (const to of [null, 'base']) {
      const plan = planRevert(snapshotOf([loaded(p1, null)]), { to }, on);
      assert.deepEqual(plan.steps, []);
      assert.equal(plan.findings[0]?.code, 'nothing-to-revert');
    }
  });

  it('refuses targets that are not in the stack, and a stack of unknown order', () => {
    const snapshot = snapshotOf([loaded(p1, 1), loaded(p2, null)]);
    assert.equal(refusal(() => planRevert(snapshot, { to: 'p02' }, on)).code, 'target-not-applied');
    assert.equal(refusal(() => planRevert(snapshot, { to: 'p03' }, on)).code, 'no-such-payload');
    const unordered = snapshotOf([
      loaded(p1, 1, { position: null }),
      loaded(p2, 2, { position: null }),
    ]);
    for (const to of [null, 'base', 'p01']) {
      assert.equal(refusal(() => planRevert(unordered, { to }, on)).code, 'unknown-stack');
    }
    const single = snapshotOf([loaded(p1, 1, { position: null })]);
    assert.deepEqual(steps(planRevert(single, { to: null }, on)), ['revert p01']);
  });

  it('asks for more digits where an id is ambiguous', () => {
    const twins = snapshotOf([
      loaded(payloadFile('x', null), 1, { buildId: idOf('x') }),
      loaded(payloadFile('y', 'x'), 2, {
        buildId: parseBuildId(`${idOf('x').slice(0, 38)}00`),
      }),
    ]);
    const error = refusal(() => planRevert(twins, { to: idOf('x').slice(0, 12) }, on));
    assert.equal(error.code, 'ambiguous-build-id');
    assert.deepEqual(after(planRevert(twins, { to: idOf('x') }, on)), ['x']);
  });
});

describe('planReplace', () => {
  const all = payloadFile('all', null);

  it('uploads and takes the place of the stack', () => {
    const plan = planReplace(stackOfFiles([p1, p2]), all, on);
    assert.deepEqual(steps(plan), ['upload all', 'replace all']);
    assert.deepEqual(after(plan), ['all']);
    assert.equal(plan.steps[1]?.reason, 'takes the place of p01, p02');
    assert.deepEqual(
      plan.findings.map(({ code, severity }) => `${severity} ${code}`),
      ['warning replace-drops-fixes', 'note stay-loaded'],
    );
    assert.match(
      plan.findings[0]?.message ?? '',
      /does not replace p01_fn, p02_fn, as p01, p02 did/,
    );
    assert.match(plan.findings[1]?.message ?? '', /still loaded afterwards: p01, p02/);
    const whole = { ...all, functions: ['p01_fn', 'p02_fn', 'more'] };
    const [only, ...others] = planReplace(stackOfFiles([p1, p2]), whole, on).findings;
    assert.deepEqual([only?.code, others], ['stay-loaded', []]);
  });

  it('works on an empty stack, and has nothing to do when it is the only one', () => {
    assert.deepEqual(steps(planReplace(empty, all, on)), ['upload all', 'replace all']);
    assert.deepEqual(steps(planReplace(stackOfFiles([all]), all, on)), ['none all']);
  });

  it('reverts what is above when it is at the bottom already', () => {
    const plan = planReplace(stackOfFiles([p1, p2, p3]), p1, on);
    assert.deepEqual(steps(plan), ['revert p03', 'revert p02', 'none p01']);
    assert.deepEqual(after(plan), ['p01']);
  });

  it('never lets REPLACE apply dirty data: the payload is uploaded anew', () => {
    for (const reverted of [true, null]) {
      const snapshot = snapshotOf([loaded(all, null, { reverted }), loaded(p1, 1)]);
      const data = { ...all, safeToReapply: false };
      assert.deepEqual(steps(planReplace(snapshot, data, on)), [
        'unload all',
        'upload all',
        'replace all',
      ]);
      assert.deepEqual(steps(planReplace(snapshot, all, on)), ['replace all']);
    }
  });

  it('refuses what Xen would refuse', () => {
    const stacked = refusal(() => planReplace(stackOfFiles([p1]), p2, on));
    assert.equal(stacked.code, 'not-on-hypervisor');
    assert.ok(stacked.message.includes(idOf('p01')) && stacked.message.includes(XEN_ID));
    const hooked = payloadFile('h', null, { vetoingHooks: ['preapply', 'postrevert'] });
    const veto = refusal(() => planReplace(empty, hooked, on));
    assert.equal(veto.code, 'replace-vetoed');
    assert.match(veto.message, /preapply, postrevert/);
    assert.equal(
      refusal(() => planReplace(snapshotOf([], null), all, on)).code,
      'hypervisor-no-build-id',
    );
    const above = snapshotOf([loaded(p1, 1), loaded(all, 2)]);
    assert.equal(refusal(() => planReplace(above, all, on)).code, 'applied-above');
  });
});

describe('planUpload and planUnload', () => {
  it('uploads what is not loaded, in the order given', () => {
    const plan = planUpload(snapshotOf([loaded(p2, null, { name: 'x' })]), [p3, p2, p1], on);
    assert.deepEqual(steps(plan), ['upload p03', 'none x', 'upload p01']);
    assert.deepEqual(plan.after, []);
  });

  it('refuses a wrong hypervisor, a taken name and one id twice', () => {
    const other = payloadFile('x', null, { xenDepends: idOf('other') });
    assert.equal(refusal(() => planUpload(empty, [other], on)).code, 'wrong-hypervisor');
    const same = { ...p2, name: 'p01' };
    assert.equal(refusal(() => planUpload(empty, [p1, same], on)).code, 'name-taken');
    const copy = { ...p1, file: 'copy.livepatch', name: 'copy' };
    assert.equal(refusal(() => planUpload(empty, [p1, copy], on)).code, 'duplicate-build-id');
  });

  it('unloads by name and id, each once', () => {
    const snapshot = snapshotOf([loaded(p1, null), loaded(p2, null)]);
    assert.deepEqual(steps(planUnload(snapshot, ['p02', idOf('p02'), 'p01'], on)), [
      'unload p02',
      'unload p01',
    ]);
  });

  it('refuses what is applied, with what to revert first', () => {
    const error = refusal(() => planUnload(stackOfFiles([p1, p2, p3]), ['p02'], on));
    assert.deepEqual([error.code, error.hint], ['still-applied', 'Revert p03, then p02 first.']);
    assert.equal(refusal(() => planUnload(empty, ['p02'], on)).code, 'no-such-payload');
  });
});

describe('applySteps', () => {
  const step = (action: Step['action'], name: string, rest: Partial<Step> = {}): Step => ({
    action,
    name,
    buildId: idOf(name),
    depends: null,
    reason: 'test',
    ...rest,
  });
  const stack = stackOfFiles([p1, p2]);
  const broken: readonly [string, Step][] = [
    ['revert below the top', step('revert', 'p01')],
    ['unload of an applied payload', step('unload', 'p02')],
    ['unload of one that is not there', step('unload', 'p03')],
    ['apply of an applied payload', step('apply', 'p02')],
    ['upload without a file', step('upload', 'p03')],
    ['upload of a taken name', step('upload', 'p01', { file: 'f', sha256: '' })],
    ['upload of a taken id', step('upload', 'x', { file: 'f', sha256: '', buildId: idOf('p01') })],
    ['replace of an applied payload', step('replace', 'p01', { depends: XEN_ID })],
  ];
  for (const [name, bad] of broken) {
    it(`breaks on ${name}`, () => {
      assert.throws(() => applySteps(stack, [bad]), InternalError);
    });
  }
  it('breaks on apply and replace on the wrong parent', () => {
    const snapshot = snapshotOf([loaded(p1, 1), loaded(p3, null)]);
    assert.throws(
      () => applySteps(snapshot, [step('apply', 'p03', { depends: XEN_ID })]),
      InternalError,
    );
    assert.throws(
      () => applySteps(snapshot, [step('replace', 'p03', { depends: idOf('p02') })]),
      InternalError,
    );
    const forced = step('apply', 'p03', { nodeps: true });
    assert.equal(applySteps(snapshot, [forced]).payloads[1]?.position, 2);
  });
});
