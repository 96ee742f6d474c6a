import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { XspliceError } from '../../core/findings/index.js';
import type { LoadedPayload, Snapshot } from '../../core/hypervisor/snapshot.js';
import type { PlanPayload } from '../../core/payload/plan-payload.js';
import { changesSomething, type Plan } from '../../core/stack/plan.js';
import { planApply } from '../../core/stack/plan-apply.js';
import { planReplace } from '../../core/stack/plan-replace.js';
import { planRevert } from '../../core/stack/plan-revert.js';
import { planUnload } from '../../core/stack/plan-upload.js';
import { applySteps } from '../../core/stack/simulate.js';
import { chainOf, HOST, loaded, payloadFile, snapshotOf } from '../support/stack-builders.js';

const on = { host: HOST };
const LENGTH = 8;

interface Situation {
  readonly chain: readonly PlanPayload[];
  /** How many of the chain are applied; some of the others are loaded. */
  readonly snapshot: Snapshot;
  readonly depth: number;
}

/** A chain of which the lower part is applied and any of the rest loaded, reverted or not, in any order. */
const situations: fc.Arbitrary<Situation> = fc
  .record({
    safe: fc.array(fc.boolean(), { minLength: LENGTH, maxLength: LENGTH }),
    depth: fc.integer({ min: 0, max: LENGTH }),
    rest: fc.array(fc.constantFrom('absent', 'fresh', 'reverted', 'unknown'), {
      minLength: LENGTH,
      maxLength: LENGTH,
    }),
    renamed: fc.boolean(),
    order: fc.shuffledSubarray(
      Array.from({ length: LENGTH }, (_, i) => i),
      { minLength: LENGTH },
    ),
  })
  .map(({ safe, depth, rest, renamed, order }) => {
    const chain = chainOf(LENGTH).map((p, i) => ({ ...p, safeToReapply: safe[i] === true }));
    const reverted = { fresh: false, reverted: true, unknown: null } as const;
    const payloads = order.flatMap((i): LoadedPayload[] => {
      const payload = chain[i];
      const state = rest[i];
      if (payload === undefined || state === undefined) return [];
      const name = renamed ? `other ${payload.name}` : payload.name;
      if (i < depth) return [loaded(payload, i + 1, { name })];
      return state === 'absent' ? [] : [loaded(payload, null, { name, reverted: reverted[state] })];
    });
    return { chain, snapshot: snapshotOf(payloads), depth };
  });

const idsOf = (plan: Plan) => plan.after.map((entry) => entry.buildId);

/** Replays Xen's two rules for data and links over the steps: what is applied is fit for it. */
function assertFit(snapshot: Snapshot, plan: Plan, chain: readonly PlanPayload[]): void {
  let at = snapshot;
  for (const step of plan.steps) {
    const next = applySteps(at, [step]);
    if (step.action === 'apply' || step.action === 'replace') {
      const index = at.payloads.findIndex((p) => p.name === step.name);
      const payload = chain.find((p) => p.buildId === step.buildId);
      const isClean = at.payloads[index]?.reverted === false;
      assert.ok(isClean || payload?.safeToReapply, `${step.name} has dirty data`);
      if (step.action === 'apply') {
        const newer = at.payloads.slice(index + 1).filter((p) => p.state === 'APPLIED');
        assert.deepEqual(newer, [], `${step.name} was linked before what is below it`);
      }
    }
    at = next;
  }
}

describe('plans, whatever is loaded', () => {
  it('apply: the stack becomes the chain, from fit payloads, and a second plan does nothing', () => {
    const files = fc.shuffledSubarray(
      Array.from({ length: LENGTH }, (_, i) => i),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(situations, files, ({ chain, snapshot, depth }, picks) => {
        const wanted = picks.map((i) => chain[i]).filter((p) => p !== undefined);
        const open = picks.filter((i) => i >= depth).sort((a, b) => a - b);
        const attaches = open.every((i, n) => i === depth + n);
        if (!attaches) {
          assert.throws(
            () => planApply(snapshot, wanted, on),
            (error: unknown) =>
              error instanceof XspliceError &&
              error.code === 'does-not-attach' &&
              error.findings[0]?.expected !== error.findings[0]?.actual,
          );
          return;
        }
        const plan = planApply(snapshot, wanted, on);
        const expected = chain.slice(0, depth + open.length).map((p) => p.buildId);
        assert.deepEqual(idsOf(plan), expected);
        assertFit(snapshot, plan, chain);
        for (const payload of wanted) {
          assert.ok(plan.steps.some((s) => s.file === payload.file && s.reason !== ''));
        }
        const again = planApply(applySteps(snapshot, plan.steps), wanted, on);
        assert.equal(changesSomething(again), false);
        assert.equal(again.steps.length, wanted.length);
      }),
      { numRuns: 1_000 },
    );
  });

  it('revert: the stack becomes its lower part, and a second plan does nothing', () => {
    fc.assert(
      fc.property(situations, fc.nat({ max: LENGTH }), ({ snapshot, depth }, target) => {
        const keep = Math.min(target, depth);
        const kept = snapshot.payloads.find((p) => p.position === keep);
        const to = kept?.name ?? 'base';
        const plan = planRevert(snapshot, { to }, on);
        assert.equal(plan.after.length, keep);
        assert.deepEqual(plan.after, plan.before.slice(0, keep));
        const left = applySteps(snapshot, plan.steps);
        assert.equal(left.payloads.length, snapshot.payloads.length);
        assert.equal(changesSomething(planRevert(left, { to }, on)), false);
      }),
    );
  });

  it('revert to base and apply again: the same stack, nothing dirty, nothing stale', () => {
    fc.assert(
      fc.property(situations, ({ chain, snapshot, depth }) => {
        fc.pre(depth > 0);
        const down = applySteps(snapshot, planRevert(snapshot, { to: 'base' }, on).steps);
        const wanted = chain.slice(0, depth);
        const plan = planApply(down, wanted, on);
        assert.deepEqual(
          idsOf(plan),
          wanted.map((p) => p.buildId),
        );
        assertFit(down, plan, chain);
      }),
    );
  });

  it('replace: only that one is applied, and a second plan does nothing', () => {
    const data = fc.boolean();
    const states = fc.constantFrom(undefined, true, false, null);
    fc.assert(
      fc.property(situations, data, states, ({ snapshot, chain }, safeToReapply, reverted) => {
        const all = payloadFile('all', null, { safeToReapply });
        const extra = reverted === undefined ? [] : [loaded(all, null, { reverted })];
        const host = { ...snapshot, payloads: [...extra, ...snapshot.payloads] };
        const plan = planReplace(host, all, on);
        assert.deepEqual(idsOf(plan), [all.buildId]);
        assertFit(host, plan, [...chain, all]);
        const again = planReplace(applySteps(host, plan.steps), all, on);
        assert.equal(changesSomething(again), false);
      }),
    );
  });

  it('unload: everything can be removed once everything is reverted', () => {
    fc.assert(
      fc.property(situations, ({ snapshot }) => {
        const down = applySteps(snapshot, planRevert(snapshot, { to: 'base' }, on).steps);
        const names = down.payloads.map((p) => p.name);
        const left = applySteps(down, planUnload(down, names, on).steps);
        assert.deepEqual(left.payloads, []);
      }),
    );
  });
});
