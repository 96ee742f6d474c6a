import assert from 'node:assert/strict';
import { say } from '../../rig/agent.js';
import { readDeadly } from './hazards/case.js';
import { DEADLY, type DeadlyStep } from './hazards/deadly.js';
import { perform } from './hazards.js';
import { moveDom0 } from './pin.js';
import type { Dom0, Family, Scenario } from './scenario.js';

/** Between two steps: CPUs leave what they were in, and Xen's last words arrive. */
const PAUSE_MS = 300;

/** What Xen accepts and dies of: the proof of each hazard whose severity is error. */
export const DEADLY_SCENARIOS: readonly Scenario[] = Object.keys(DEADLY).map(
  (name): Scenario => ({
    name: `deadly: ${name}`,
    dies: true,
    notFor: (_release, family) => {
      const found = caseOf(family, name);
      return 'why' in found ? found.why : null;
    },
    run: async (dom0) => {
      const found = caseOf(dom0.family, name);
      assert.ok(!('why' in found));
      const { code, reported, steps } = found;
      assert.ok(reported.includes(code), `only ${reported.join(', ')} reported`);
      for (const step of steps) {
        say(JSON.stringify(step));
        await take(dom0, step);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    },
  }),
);

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
