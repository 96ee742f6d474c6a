import { XspliceError } from '../findings/index.js';
import type { PayloadInput, PlanPayload } from '../payload/index.js';
import {
  type Answer,
  apply,
  findingsOfFaults,
  type Model,
  type Operation,
  upload,
} from '../verify/index.js';

/**
 * A hypervisor with these payloads applied in the order given, whatever their build-ids say. Fails with
 * `trial-apply-failed` where Xen would not do it.
 */
export function modelWithApplied(booted: Model, payloads: readonly PayloadInput[]): Model {
  return payloads.reduce((model, { input, planned }) => {
    const uploaded = accepted(upload(model, planned.name, input.bytes), 'upload', planned);
    return accepted(apply(uploaded, planned.name, { nodeps: true }), 'apply', planned);
  }, booted);
}

function accepted({ model, verdict }: Answer, operation: Operation, planned: PlanPayload): Model {
  const findings = findingsOfFaults(planned, operation, verdict.faults);
  const [first] = findings;
  if (first === undefined) return model;
  throw new XspliceError('trial-apply-failed', first.message, { findings });
}
