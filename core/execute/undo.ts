import type { Step } from '../stack/plan.js';

/**
 * The step that takes another one back, or null where there is none: REPLACE is a point of no return,
 * and what was unloaded is gone unless its bytes are at hand.
 */
export function undoStep(step: Step): Step | null {
  const { name, buildId, depends } = step;
  const base = { name, buildId, depends };
  switch (step.action) {
    case 'upload':
      return { ...base, action: 'unload', reason: 'it was uploaded by this command' };
    case 'apply':
      return { ...base, action: 'revert', reason: 'it was applied by this command' };
    case 'revert':
      return {
        ...base,
        action: 'apply',
        nodeps: step.nodeps ?? false,
        reason: 'it was reverted by this command',
      };
    case 'replace':
    case 'unload':
      return null;
    case 'none':
      return null;
  }
}
