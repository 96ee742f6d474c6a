import { errnoName } from '../abi/errno.js';
import { nameText } from '../abi/payload-name.js';
import { XspliceError } from '../findings/index.js';
import type { PayloadInput } from '../payload/index.js';
import { type Answer, apply, type Model, upload } from '../verify/index.js';

/**
 * A hypervisor with these payloads applied in the order given, whatever their build-ids say. Fails with
 * `trial-apply-failed` where Xen would not do it.
 */
export function modelWithApplied(booted: Model, payloads: readonly PayloadInput[]): Model {
  return payloads.reduce((model, { input, planned: { file, name } }) => {
    const uploaded = accepted(upload(model, name, input.bytes), 'upload', file);
    return accepted(apply(uploaded, name, { nodeps: true }), 'apply', file);
  }, booted);
}

function accepted({ model, verdict }: Answer, action: string, file: string): Model {
  const { outcome, log } = verdict;
  if (outcome.outcome === 'accepted') return model;
  const said = log.at(-1)?.text;
  const why = outcome.outcome === 'refused' ? errnoName(outcome.errno) : outcome.cause;
  const words = said === undefined ? '' : ` and prints "${nameText(said)}"`;
  throw new XspliceError(
    'trial-apply-failed',
    `${file} cannot be applied there: the ${action} is ${outcome.outcome} with ${why}${words}`,
  );
}
