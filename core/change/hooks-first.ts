import type { PreflightModel } from '../host/index.js';
import type { Snapshot } from '../hypervisor/index.js';
import type { PayloadInput } from '../payload/index.js';
import type { Plan, Step } from '../stack/index.js';
import { findPayload } from '../verify/index.js';
import { inputOf } from './step-input.js';

/** The hook of each action that Xen runs before the CPUs meet. REPLACE is refused where there is one. */
const FIRST = { apply: 'preapply', revert: 'prerevert' } as const;
/** These hooks came with Xen 4.14. */
const FIRST_MINOR = 14;

/**
 * The plan with what is known of hooks that run before the CPUs meet: such a step is tried once. A payload whose
 * contents are not at hand may have some.
 */
export function withHooksFirst(
  plan: Plan,
  { hypervisor: { release } }: Snapshot,
  payloads: readonly PayloadInput[],
  copy: PreflightModel,
): Plan {
  if (release.major === 4 && release.minor < FIRST_MINOR) return plan;
  return { ...plan, steps: plan.steps.map((step) => withHook(step, payloads, copy)) };
}

function withHook(step: Step, payloads: readonly PayloadInput[], copy: PreflightModel): Step {
  if (step.action !== 'apply' && step.action !== 'revert') return step;
  const kind = FIRST[step.action];
  const has = hasHook(step, kind, payloads, copy);
  if (has === false) return step;
  if (has === null) return { ...step, hooksFirst: 'unknown' };
  const reason = `${step.reason}, tried once for up to 2 s since its ${kind} hook must not run twice`;
  return { ...step, reason, hooksFirst: [kind] };
}

/** Null where the payload's contents are not at hand. */
function hasHook(
  step: Step,
  kind: (typeof FIRST)[keyof typeof FIRST],
  payloads: readonly PayloadInput[],
  copy: PreflightModel,
): boolean | null {
  const given = inputOf(step, payloads);
  if (given !== undefined) return given.planned.vetoingHooks.includes(kind);
  if (copy.model === null || copy.opaque.includes(step.name)) return null;
  const loaded = findPayload(copy.model, step.name);
  return loaded === null ? null : loaded.hooks[kind] !== undefined;
}
