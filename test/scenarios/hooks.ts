import assert from 'node:assert/strict';
import { needs, type Scenario } from './scenario.js';

/** Members with one hook, and the line that Xen prints before it calls the hook. */
const HOOKS: readonly (readonly [member: string, action: 'APPLY' | 'REVERT', line: RegExp])[] = [
  ['hook-preapply', 'APPLY', /: Calling pre-apply hook function$/],
  ['hook-apply', 'APPLY', /: Calling apply action hook function$/],
  ['hook-postapply', 'APPLY', /: Calling post-apply hook function with rc=0$/],
  ['hook-prerevert', 'REVERT', /: Calling pre-revert hook function$/],
  ['hook-revert', 'REVERT', /: Calling revert action hook function$/],
  ['hook-postrevert', 'REVERT', /: Calling post-revert hook function with rc=0$/],
];

/** Hooks of each kind, and those that say no. */
export const HOOK_SCENARIOS: readonly Scenario[] = [
  ...HOOKS.map(
    ([member, action, line]): Scenario => ({
      name: `hooks: ${member}`,
      notFor: needs(member),
      run: async (dom0) => {
        const original = await dom0.extraVersion();
        const applied = await dom0.load(member);
        assert.match(await dom0.extraVersion(), /^-hook-/);
        const reverted = await dom0.act(member, 'REVERT');
        dom0.expect(reverted, [0, 0]);
        assert.equal(await dom0.extraVersion(), original);
        dom0.expectLog(action === 'APPLY' ? applied : reverted, line);
        assert.ok(
          [...applied.log, ...reverted.log].every((text) => !text.includes('xsplice hook')),
          "the payload's own text is not Xen's",
        );
      },
    }),
  ),
  {
    name: 'hooks: load and unload',
    notFor: needs('hook-load'),
    run: async (dom0) => {
      await dom0.load('hook-load');
      dom0.expect(await dom0.act('hook-load', 'REVERT'), [0, 0]);
    },
  },
  {
    name: 'hooks: no function at all',
    notFor: needs('nofunc'),
    run: async (dom0) => {
      const result = await dom0.load('nofunc');
      dom0.expectLog(result, /^nofunc: Calling apply action hook function$/);
      assert.deepEqual((await dom0.payload('nofunc')).functions, []);
    },
  },
  {
    name: 'hooks: a veto before apply',
    notFor: needs('veto-preapply'),
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      dom0.expect(await dom0.upload('veto-preapply'), [0, 0]);
      const refused = await dom0.act('veto-preapply', 'APPLY');
      dom0.expect(refused, [-22, -22]);
      dom0.expectLog(refused, /: pre-apply hook failed \(rc=-22\), aborting!$/);
      assert.equal((await dom0.payload('veto-preapply')).state, 'CHECKED');
      assert.equal(await dom0.extraVersion(), original);
    },
  },
  {
    name: 'hooks: a veto before revert, once',
    notFor: needs('veto-prerevert'),
    run: async (dom0) => {
      await dom0.load('veto-prerevert');
      const refused = await dom0.act('veto-prerevert', 'REVERT');
      dom0.expect(refused, [-22, -22]);
      dom0.expectLog(refused, /: pre-revert hook failed \(rc=-22\), aborting!$/);
      assert.equal((await dom0.payload('veto-prerevert')).state, 'APPLIED');
      dom0.expect(await dom0.act('veto-prerevert', 'REVERT'), [0, 0]);
    },
  },
  {
    name: 'hooks: an apply hook that fails',
    notFor: needs('noapply'),
    run: async (dom0) => {
      dom0.expect(await dom0.upload('noapply'), [0, 0]);
      dom0.expect(await dom0.act('noapply', 'APPLY'), [0, -22]);
      assert.equal((await dom0.payload('noapply')).state, 'CHECKED');
    },
  },
  {
    name: 'hooks: a revert hook that fails, once',
    notFor: needs('norevert'),
    run: async (dom0) => {
      await dom0.load('norevert');
      dom0.expect(await dom0.act('norevert', 'REVERT'), [0, -22]);
      assert.equal((await dom0.payload('norevert')).state, 'APPLIED');
      dom0.expect(await dom0.act('norevert', 'REVERT'), [0, 0]);
    },
  },
  {
    name: 'hooks: no REPLACE with vetoing hooks',
    notFor: needs('hook-preapply'),
    run: async (dom0) => {
      dom0.expect(await dom0.upload('hook-preapply'), [0, 0]);
      const refused = await dom0.act('hook-preapply', 'REPLACE');
      dom0.expect(refused, [-95, 0]);
      dom0.expectLog(refused, /REPLACE action is not supported on livepatches with vetoing hooks/);
    },
  },
];
