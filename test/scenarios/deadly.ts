import assert from 'node:assert/strict';
import { formatRc } from '../../core/abi/errno.js';
import { say } from '../../rig/agent.js';
import { readDeadly } from './hazards/case.js';
import { DEADLY } from './hazards/deadly.js';
import { perform } from './hazards.js';
import type { Dom0, Family, Scenario } from './scenario.js';

/** What Xen accepts and dies of: the hazards whose severity is error. */
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
      say(`reported: ${found.reported.join(' ')}`);
      for (const step of found.steps) await take(dom0, step);
    },
  }),
);

async function take(
  dom0: Dom0,
  step:
    | Parameters<typeof perform>[1]
    | { verb: 'press'; key: string }
    | { verb: 'wait'; ms: number },
): Promise<void> {
  if (step.verb === 'wait') {
    await new Promise((resolve) => setTimeout(resolve, step.ms));
    return;
  }
  if (step.verb === 'press') {
    say(`press ${step.key}`);
    await dom0.press(step.key);
    return;
  }
  say(`${step.verb} ${step.name}`);
  const { hypercallRc, payloadRc, log } = await perform(dom0, step);
  say(`  ${formatRc(hypercallRc)} ${payloadRc} ${JSON.stringify(log)}`);
}

function caseOf(family: Family, name: string): ReturnType<typeof readDeadly>[number] {
  const found = readDeadly(family.folder).find((entry) => entry.name === name);
  assert.ok(found, `no case was prepared for ${name}`);
  return found;
}
