import assert from 'node:assert/strict';
import { CATALOGUE } from '../../core/findings/index.js';
import { say } from '../../rig/agent.js';
import { payloadPath, readDeadly } from './hazards/case.js';
import { DEADLY, type DeadlyStep, SURVIVED } from './hazards/deadly.js';
import { perform } from './hazards.js';
import { imageOf } from './old-code.js';
import { moveDom0 } from './pin.js';
import { runTo } from './program.js';
import { DEATH_MARK } from './report.js';
import type { Dom0, Family, Scenario } from './scenario.js';

const PAUSE_MS = 300;

/** The proof of each hazard whose severity is error, and of some that are warnings. */
export const DEADLY_SCENARIOS: readonly Scenario[] = [
  ...Object.keys(DEADLY).map(
    (name): Scenario => ({ ...scenarioOf(`deadly: ${name}`, name), dies: true }),
  ),
  ...Object.keys(SURVIVED).map((name) => scenarioOf(`survived: ${name}`, name)),
  {
    name: 'deadly: no verb brings in what is an error',
    run: async (dom0) => {
      const tried: string[] = [];
      for (const found of readDeadly(dom0.family.folder)) {
        if ('why' in found || CATALOGUE[found.code].severity !== 'error') continue;
        const last = found.steps.findLast((step) => step.verb === 'upload');
        assert.ok(last?.verb === 'upload');
        const file = payloadPath(dom0.family.folder, last.payload);
        for (const verb of ['apply', 'upload']) {
          const words = [verb, file, '--image', imageOf(dom0), '--yes', '--json'];
          const { stdout } = await runTo(1, ...words);
          const { code } = JSON.parse(stdout).error;
          // What the rules foresee to kill at the very step is refused as that, and never accepted.
          assert.ok(['not-accepted', 'would-be-fatal'].includes(code), `${verb} ${file}: ${code}`);
          assert.ok(stdout.includes(found.code), `${verb} ${file}: ${stdout}`);
        }
        tried.push(found.code);
      }
      assert.deepEqual((await dom0.port.observe()).payloads, []);
      dom0.notes.push(tried.join(' '));
    },
  },
];

function scenarioOf(name: string, caseName: string): Scenario {
  return {
    name,
    notFor: (_release, family) => {
      const found = caseOf(family, caseName);
      return 'why' in found ? found.why : null;
    },
    run: async (dom0) => {
      const found = caseOf(dom0.family, caseName);
      assert.ok(!('why' in found));
      const { code, reported, steps } = found;
      assert.ok(reported.includes(code), `only ${reported.join(', ')} reported`);
      for (const [index, step] of steps.entries()) {
        say(JSON.stringify(step));
        if (index === steps.length - 1) say(DEATH_MARK);
        await pause();
        await take(dom0, step);
      }
      await pause();
    },
  };
}

/** CPUs leave what they were in, and what was said arrives. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

async function take(dom0: Dom0, step: DeadlyStep): Promise<void> {
  switch (step.verb) {
    case 'press':
      return dom0.press(step.key);
    case 'move':
      return moveDom0(step.cpu);
    default:
      dom0.expect(await perform(dom0, step), step.verb === 'unload' ? [0, null] : [0, 0]);
  }
}

function caseOf(family: Family, name: string): ReturnType<typeof readDeadly>[number] {
  const found = readDeadly(family.folder).find((entry) => entry.name === name);
  assert.ok(found, `no case was prepared for ${name}`);
  return found;
}
