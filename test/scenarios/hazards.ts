import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { HazardCode } from '../../core/findings/index.js';
import type { OperationResult } from '../../core/hypervisor/port.js';
import type { Operation } from '../differential/sequences.js';
import { payloadPath, readCases } from './hazards/case.js';
import type { Dom0, Family, Scenario } from './scenario.js';

/** What is seen on the running system once all steps of a case are done. */
type Aftermath = (dom0: Dom0, results: readonly OperationResult[]) => Promise<void>;

const last = (results: readonly OperationResult[]): OperationResult => {
  const result = results.at(-1);
  assert.ok(result);
  return result;
};

/** Each hazard, and what comes of it where that can be shown without harm. */
const HAZARDS: Readonly<Record<HazardCode, Aftermath | null>> = {
  'nop-splits-instruction': null,
  'nop-falls-through': null,
  'trampoline-splits-instruction': null,
  'jump-into-patch': null,
  'old-size-differs': null,
  'new-size-differs': null,
  'not-a-function': null,
  'function-name-unmapped': null,
  'function-patched-twice': async (dom0, results) => {
    // Reverted and unloaded, the payload's jump (e9) is still there, behind an ENDBR64 if there is one.
    dom0.expectLog(last(results), /actual:(?:f30f1efa)?e9/);
  },
  'patched-by-other': async (dom0) => {
    assert.equal(await dom0.extraVersion(), '-replace', 'the fix of hello is lost');
    assert.equal((await dom0.payload('hello')).state, 'APPLIED');
  },
  'critical-code': null,
  'entry-code': null,
  'init-code': null,
  'ambiguous-symbol': null,
  'bound-to-stranger': null,
  'unload-leaves-links': null,
  'kept-in-freed-memory': null,
  'data-prevents-reapply': async (dom0, results) => {
    dom0.expect(last(results), [0, -22]);
    dom0.expectLog(last(results), /^data: can't revert as payload has \.data/);
  },
  'hooks-prevent-replace': async (dom0, results) => {
    dom0.expect(last(results), [-95, 0]);
    assert.deepEqual(await dom0.stack(), ['hooked']);
  },
  'replace-reapplies-dirty-data': async (dom0) => {
    assert.deepEqual(await dom0.stack(), ['data']);
    // The count goes on where it was left: a fresh payload begins with 1.
    const count = /^-data-(\d)$/.exec(await dom0.extraVersion())?.[1];
    assert.ok(Number(count) > 1, `its data was not kept: ${await dom0.extraVersion()}`);
  },
  'replace-expectations-fail': async (dom0, results) => {
    dom0.expectLog(last(results), /SYSTEM MIGHT BE INSECURE/);
    assert.deepEqual(await dom0.stack(), [], 'nothing is applied any more');
    assert.doesNotMatch(await dom0.extraVersion(), /hello/);
  },
  'replace-loses-hooks': async (dom0) => {
    assert.deepEqual(await dom0.stack(), ['replace']);
  },
};

/** What Xen accepts and core/verify/hazards warns of. */
export const HAZARD_SCENARIOS: readonly Scenario[] = Object.entries(HAZARDS).map(
  ([code, aftermath]): Scenario => ({
    name: `hazards: ${code}`,
    notFor: (_release, family) => {
      const found = caseOf(family, code);
      return 'why' in found ? found.why : null;
    },
    run: async (dom0) => {
      const found = caseOf(dom0.family, code);
      assert.ok(!('why' in found));
      const { reported, steps, askedAfter } = found;
      assert.ok(reported.includes(found.code), `only ${reported.join(', ')} reported`);
      const asked = steps[askedAfter - 1];
      const results: OperationResult[] = [];
      for (const { operation, hypercallRc, payloadRc } of steps) {
        if (code === 'replace-reapplies-dirty-data' && operation.verb === 'revert') {
          // The datum changes when it is read.
          assert.match(await dom0.extraVersion(), /^-data-\d$/);
        }
        const result = await perform(dom0, operation);
        dom0.expect(result, [hypercallRc, payloadRc]);
        results.push(result);
      }
      assert.ok(asked !== undefined && asked.hypercallRc === 0, 'Xen has to accept the payload');
      await aftermath?.(dom0, results);
    },
  }),
);

function caseOf(family: Family, code: string): ReturnType<typeof readCases>[number] {
  const found = readCases(family.folder).find((entry) => entry.code === code);
  assert.ok(found, `no case was prepared for ${code}`);
  return found;
}

export function perform(dom0: Dom0, operation: Operation): Promise<OperationResult> {
  const { name } = operation;
  switch (operation.verb) {
    case 'upload':
      return dom0.port.upload(
        name,
        readFileSync(payloadPath(dom0.family.folder, operation.payload)),
      );
    case 'apply':
      return dom0.act(name, 'APPLY', { nodeps: operation.nodeps });
    case 'revert':
      return dom0.act(name, 'REVERT');
    case 'replace':
      return dom0.act(name, 'REPLACE');
    case 'unload':
      return dom0.act(name, 'UNLOAD');
  }
}
