import assert from 'node:assert/strict';
import { type Answers, needs, type Scenario } from './scenario.js';

/** Members that upload refuses, with Xen's errno and words; null where it says nothing. */
const AT_UPLOAD: readonly (readonly [member: string, rc: number, line: RegExp | null])[] = [
  ['no-xen-depends', -22, /\.livepatch\.xen_depends is missing$/],
  ['wrong-xen-depends', -22, /build-id/],
  ['wrong-version', -95, /: Wrong version \(\d+\)\. Expected 2$/],
  ['too-small', -22, null],
  ['unknown-function', -2, /Could not resolve old address of /],
  ['unknown-import', -2, /Unknown symbol: /],
  ['nothing-to-patch', -22, /Nothing to patch\. Aborting\.\.\.$/],
];

/** Releases that print both ids when a payload was built for another hypervisor. */
const PRINTS_IDS: readonly string[] = ['4.20'];

const REFUSED: Answers = [-22, 0];

/** What Xen does not take, and what it says. */
export const REFUSAL_SCENARIOS: readonly Scenario[] = [
  ...AT_UPLOAD.map(
    ([member, rc, line]): Scenario => ({
      name: `refusals: ${member}`,
      notFor: needs(member),
      run: async (dom0) => {
        const refused = await dom0.upload(member);
        dom0.expect(refused, [rc, null]);
        if (line === null) assert.deepEqual(refused.log, []);
        else dom0.expectLog(refused, line);
        assert.deepEqual((await dom0.port.observe()).payloads, []);
      },
    }),
  ),
  {
    name: 'refusals: both ids of a payload for another hypervisor are shown',
    notFor: (release, family) =>
      PRINTS_IDS.includes(release.xen)
        ? needs('wrong-xen-depends')(release, family)
        : 'this release does not print them',
    run: async (dom0) => {
      const { log } = await dom0.upload('wrong-xen-depends');
      const { hypervisor } = dom0.family.manifest;
      const { xenDepends } = dom0.family.entry('wrong-xen-depends');
      assert.deepEqual(log, [
        'wrong-xen-depends: build-id mismatch:',
        `  livepatch: ${xenDepends}`,
        `        xen: ${hypervisor.buildId}`,
      ]);
    },
  },
  {
    name: 'refusals: wrong-depends',
    notFor: needs('wrong-depends'),
    run: async (dom0) => {
      dom0.expect(await dom0.upload('wrong-depends'), [0, 0]);
      const refused = await dom0.act('wrong-depends', 'APPLY');
      dom0.expect(refused, REFUSED);
      dom0.expectLog(refused, /check against hypervisor build-id failed/);
      dom0.expect(await dom0.act('wrong-depends', 'REPLACE'), REFUSED);
      dom0.expect(await dom0.act('wrong-depends', 'APPLY', { nodeps: true }), [0, 0]);
    },
  },
  {
    name: 'refusals: expectations, right',
    notFor: needs('expect-right'),
    run: async (dom0) => {
      await dom0.load('expect-right');
      assert.match(await dom0.extraVersion(), /^-expect/);
    },
  },
  {
    name: 'refusals: expectations, wrong',
    notFor: needs('expect-wrong'),
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      dom0.expect(await dom0.upload('expect-wrong'), [0, 0]);
      const refused = await dom0.act('expect-wrong', 'APPLY');
      dom0.expect(refused, REFUSED);
      dom0.expectLog(refused, /expectations of .* failed/);
      assert.equal(await dom0.extraVersion(), original);
    },
  },
];
