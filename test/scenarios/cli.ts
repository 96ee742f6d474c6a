import assert from 'node:assert/strict';
import { CHAIN, CHAIN_LENGTH } from '../support/chain-length.js';
import { folderOf, type Listed, listedStack, PATIENT, runTo, stackIn, startTo } from './program.js';
import { type Dom0, needs, type Scenario } from './scenario.js';

/** Steps through all file names in an order that has nothing to do with the chain's. */
const STRIDE = 7;

/** The chain in a folder whose names are in another order. Gives the names, base first. */
function shuffledChain(dom0: Dom0): { readonly folder: string; readonly names: readonly string[] } {
  const names = CHAIN.map(
    (_, index) => `fix-${String((index * STRIDE) % CHAIN_LENGTH).padStart(2, '0')}`,
  );
  return {
    folder: folderOf(
      dom0,
      CHAIN.map((member, index) => [member, names[index] ?? '']),
    ),
    names,
  };
}

/** The commands that a user of dom0 types, to the shipped program first. */
export const CLI_SCENARIOS: readonly Scenario[] = [
  {
    name: `cli: a shuffled chain of ${CHAIN_LENGTH} is applied and reverted in one go`,
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      const { folder, names } = shuffledChain(dom0);
      await startTo(0, 'apply', folder, ...PATIENT);
      const listed: Listed = JSON.parse((await startTo(0, 'list', '--json')).stdout);
      assert.equal(listed.host, 'xen', 'the default of a dom0');
      assert.equal(listed.hypervisor.buildId, dom0.family.manifest.hypervisor.buildId);
      assert.deepEqual(
        stackIn(listed).map(({ name, buildId, depends, position, rc }) => [
          name,
          buildId,
          depends,
          position,
          rc,
        ]),
        CHAIN.map((member, index) => {
          const { buildId, depends } = dom0.family.entry(member);
          return [names[index], buildId, depends, index + 1, 0];
        }),
      );
      assert.notEqual(await dom0.extraVersion(), original);
      await runTo(0, 'revert', '--to', 'base', ...PATIENT);
      assert.equal(await dom0.extraVersion(), original);
      assert.equal(await dom0.appliedCount(), 0);
    },
  },
  {
    name: 'cli: a dry run and a missing --yes change nothing',
    run: async (dom0) => {
      const hello = dom0.family.path('hello');
      const shown = await runTo(0, 'apply', hello, '--dry-run');
      assert.match(shown.stdout, /Dry run: nothing was changed/);
      const { stderr } = await runTo(64, 'apply', hello);
      assert.match(stderr, /--yes/);
      assert.deepEqual((await dom0.port.observe()).payloads, []);
    },
  },
  {
    name: 'cli: what Xen refuses is refused with its reason, and nothing is left behind',
    notFor: needs('expect-wrong', 'wrong-version'),
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      const byXen = [
        ['wrong-version', /Wrong version|version 99, expected 2/],
        ['expect-wrong', /EINVAL.*expectations of/],
      ] as const;
      for (const [member, reason] of byXen) {
        const { stderr } = await runTo(1, 'apply', dom0.family.path(member), ...PATIENT);
        assert.match(stderr, reason);
        assert.deepEqual((await dom0.port.observe()).payloads, [], `after ${member}`);
      }
      assert.equal(await dom0.extraVersion(), original);
    },
  },
  {
    name: 'cli: what does not fit the stack is refused with its reason before Xen is asked',
    run: async (dom0) => {
      await dom0.load('hello');
      const before = await dom0.port.observe();
      const replace = dom0.family.path('replace');
      const refused = await runTo(1, 'apply', replace, '--json', ...PATIENT);
      const { ok, error } = JSON.parse(refused.stdout);
      assert.deepEqual([ok, error.code], [false, 'does-not-attach']);
      const { stderr } = await runTo(1, 'unload', 'hello', '--yes');
      assert.match(stderr, /applied/);
      assert.deepEqual(await dom0.port.observe(), before);
    },
  },
  {
    name: 'cli: CPUs that never meet in time are a busy host, and nothing is left behind',
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      // A microsecond: over before the other CPU can have heard of it.
      const { stderr } = await runTo(
        2,
        ...['apply', dom0.family.path('hello'), '--yes', '--timeout', '0.001'],
      );
      assert.match(stderr, /stayed busy at the apply of .* after \d+ tries \(EBUSY/);
      assert.deepEqual((await dom0.port.observe()).payloads, []);
      assert.equal(await dom0.extraVersion(), original);
    },
  },
  {
    name: 'cli: stacking, going back to a payload by name and by id, replacing',
    run: async (dom0) => {
      const { family } = dom0;
      await runTo(0, 'apply', family.path('bye'), family.path('hello'), ...PATIENT);
      assert.deepEqual(await dom0.stack(), ['hello', 'bye']);
      assert.equal(await dom0.extraVersion(), '-bye');
      await runTo(0, 'revert', '--to', family.entry('hello').buildId, ...PATIENT);
      assert.deepEqual(await dom0.stack(), ['hello']);
      await runTo(0, 'apply', 'bye', ...PATIENT);
      assert.deepEqual(await dom0.stack(), ['hello', 'bye']);
      await runTo(0, 'replace', family.path('replace'), ...PATIENT);
      assert.deepEqual(await dom0.stack(), ['replace']);
      assert.equal(await dom0.extraVersion(), '-replace');
    },
  },
  {
    name: 'cli: NODEPS applies what does not build on the top',
    run: async (dom0) => {
      await dom0.load('hello');
      await runTo(0, 'apply', dom0.family.path('independent-a'), '--nodeps', ...PATIENT);
      assert.deepEqual(
        (await listedStack()).map(({ name, position }) => [name, position]),
        [
          ['hello', 1],
          ['independent-a', 2],
        ],
        'the order in which this program applied them is remembered',
      );
    },
  },
  {
    name: 'cli: names of 127 bytes, with escapes and line breaks, are shown and not obeyed',
    run: async (dom0) => {
      const names = ['n'.repeat(127), '\x1b[31mred\x1b]0;title\x07', 'line\nbreak'];
      for (const [index, name] of names.entries()) {
        dom0.expect(await dom0.upload(CHAIN[index] ?? '', name), [0, 0]);
        dom0.expect(await dom0.act(name, 'APPLY'), [0, 0]);
      }
      const listed = await listedStack();
      assert.deepEqual(
        listed.map(({ name, buildId }) => [name, buildId]),
        names.map((name, index) => [name, dom0.family.entry(CHAIN[index] ?? '').buildId]),
      );
      const { stdout } = await runTo(0, 'list', '--verbose');
      assert.doesNotMatch(stdout, /[^\P{Cc}\n]/u);
      for (const shown of [names[0] ?? '', '\\x1b[31mred\\x1b]0;title\\x07', 'line\\x0abreak']) {
        assert.ok(stdout.includes(shown), `${shown} in\n${stdout}`);
      }
    },
  },
];
