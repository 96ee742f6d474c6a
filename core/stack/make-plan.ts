import type { Finding } from '../findings/index.js';
import { fingerprintOf, type Snapshot, stackOf } from '../hypervisor/index.js';
import {
  PLAN_FORMAT_VERSION,
  type Plan,
  type PlanCommand,
  type PlanOptions,
  type StackEntry,
  type Step,
} from './plan.js';
import { applySteps } from './simulate.js';

/** Completes a plan: what the stack will be is what the steps, tried on a copy, make of it. */
export function makePlan(
  command: PlanCommand,
  snapshot: Snapshot,
  options: PlanOptions,
  steps: readonly Step[],
  findings: readonly Finding[] = [],
): Plan {
  return {
    formatVersion: PLAN_FORMAT_VERSION,
    command,
    host: options.host,
    fingerprint: fingerprintOf(snapshot),
    before: entriesOf(snapshot),
    after: entriesOf(applySteps(snapshot, steps)),
    steps,
    findings,
  };
}

/** The applied payloads, base first. */
export function entriesOf(snapshot: Snapshot): readonly StackEntry[] {
  return stackOf(snapshot).map(({ name, buildId, depends }) => ({ name, buildId, depends }));
}
