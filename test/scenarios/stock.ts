import assert from 'node:assert/strict';
import { listedStack, PATIENT, runTo } from './program.js';
import type { Dom0, Family, Scenario } from './scenario.js';

/** Where Xen's own tool can be asked too. */
export const withStockTool: NonNullable<Scenario['notFor']> = (release) =>
  release.stockTool ? null : 'the stock tool of the dom0 does not speak its interface version';

/** One step as either tool is told to do it. */
interface Step {
  readonly stock: readonly string[];
  readonly ours: readonly string[];
}

/** A life of three payloads: everything that both tools can do. */
function stepsFor(family: Family): readonly Step[] {
  const [hello, bye, replace] = ['hello', 'bye', 'replace'].map((name) => family.path(name));
  assert.ok(hello && bye && replace);
  return [
    { stock: ['load', hello], ours: ['load', hello] },
    { stock: ['load', bye], ours: ['load', bye] },
    { stock: ['revert', 'bye'], ours: ['revert'] },
    { stock: ['apply', 'bye'], ours: ['apply', 'bye'] },
    { stock: ['upload', 'replace', replace], ours: ['upload', replace] },
    { stock: ['replace', 'replace'], ours: ['replace', replace] },
    { stock: ['unload', 'bye'], ours: ['unload', 'bye'] },
    { stock: ['revert', 'replace'], ours: ['revert', '--to', 'base'] },
    { stock: ['unload', 'hello'], ours: ['unload', 'hello'] },
    { stock: ['unload', 'replace'], ours: ['unload', 'replace'] },
  ];
}

/** The hypervisor as both tools, and the running system, see it. */
async function stateOf(dom0: Dom0): Promise<unknown> {
  const { payloads } = await dom0.port.observe();
  return {
    stockList: dom0.stock('list').output,
    payloads,
    extraVersion: await dom0.extraVersion(),
  };
}

/** Our program and Xen's own tool, side by side. */
export const STOCK_SCENARIOS: readonly Scenario[] = [
  {
    name: 'stock: both tools leave the same hypervisor after each step',
    notFor: withStockTool,
    run: async (dom0) => {
      const steps = stepsFor(dom0.family);
      const byStock: unknown[] = [];
      for (const { stock } of steps) {
        const { status, output } = dom0.stock(...stock);
        assert.equal(status, 0, output);
        byStock.push([stock.join(' '), await stateOf(dom0)]);
      }
      assert.deepEqual((await dom0.port.observe()).payloads, []);
      const byOurs: unknown[] = [];
      for (const { stock, ours } of steps) {
        // An upload and an unload stop no CPU, so they take no timeout.
        const isShort = ['upload', 'unload'].includes(ours[0] ?? '');
        await runTo(0, ...ours, ...(isShort ? ['--yes'] : PATIENT));
        byOurs.push([stock.join(' '), await stateOf(dom0)]);
      }
      assert.deepEqual(byOurs, byStock);
      dom0.notes.push(`${steps.length} steps compared`);
    },
  },
  {
    name: 'stock: what it loaded is listed with true ids, continued, reverted and removed by ours',
    notFor: withStockTool,
    run: async (dom0) => {
      const { family } = dom0;
      const original = await dom0.extraVersion();
      const loaded = dom0.stock('load', family.path('hello'));
      assert.equal(loaded.status, 0, loaded.output);
      const [hello] = await listedStack();
      assert.equal(hello?.buildId, family.entry('hello').buildId);
      assert.equal(hello?.depends, family.manifest.hypervisor.buildId);
      await runTo(0, 'apply', family.path('bye'), family.path('hello'), ...PATIENT);
      assert.deepEqual(await dom0.stack(), ['hello', 'bye']);
      const listed = dom0.stock('list').output;
      assert.match(listed, /^hello\s+\| APPLIED/m);
      assert.match(listed, /^bye\s+\| APPLIED/m);
      await runTo(0, 'revert', '--to', 'base', ...PATIENT);
      await runTo(0, 'unload', 'bye', 'hello', '--yes');
      assert.deepEqual((await dom0.port.observe()).payloads, []);
      assert.equal(await dom0.extraVersion(), original);
    },
  },
  {
    name: 'stock: it reverts and removes what ours applied',
    notFor: withStockTool,
    run: async (dom0) => {
      await runTo(0, 'apply', dom0.family.path('hello'), dom0.family.path('bye'), ...PATIENT);
      for (const args of ['revert bye', 'revert hello', 'unload hello', 'unload bye']) {
        const { status, output } = dom0.stock(...args.split(' '));
        assert.equal(status, 0, `${args}: ${output}`);
      }
      assert.deepEqual((await dom0.port.observe()).payloads, []);
    },
  },
];
