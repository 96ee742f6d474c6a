import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CATALOGUE, type HazardCode } from '../../core/findings/index.js';
import { DEADLY } from './hazards/deadly.js';
import { RECIPES } from './hazards/recipes.js';

/** Hazards that lose a fix in silence: `hazards: CODE` sees that the fix is gone. */
const LOSING: readonly HazardCode[] = ['patched-by-other'];
/** What the plan that unloads is told as, and the payload that is bound: the same death. */
const SAME_DEATH: Partial<Record<HazardCode, HazardCode>> = {
  'unload-leaves-links': 'bound-to-stranger',
};

test('a hazard is an error only where a real Xen died of it, or lost the fix, in a scenario', () => {
  const proven = new Set([...Object.values(DEADLY).map(({ code }) => code), ...LOSING]);
  const unproven = (Object.keys(RECIPES) as HazardCode[])
    .filter((code) => CATALOGUE[code].severity === 'error')
    .filter((code) => !proven.has(SAME_DEATH[code] ?? code));
  assert.deepEqual(unproven, []);
});
