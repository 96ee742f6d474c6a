import type { HookKind } from '../abi/livepatch.js';
import type { Finding } from '../findings/index.js';
import { findPayload, type Model, replace } from '../verify/index.js';
import { hazard, type Subject } from './subject.js';

/** Hooks that change the host when a payload is applied, and that REPLACE does not veto. */
const WORKING_HOOKS: readonly HookKind[] = ['load', 'apply'];

/** What REPLACE does with the stack as it is now, tried on a copy (livepatch_action, all releases). */
export function checkReplace(subject: Subject): readonly Finding[] {
  const { model, payload } = subject;
  if (payload.state === 'APPLIED') return [];
  return [...checkDirty(subject), ...checkExpectations(subject), ...checkLostHooks(subject, model)];
}

function checkDirty(subject: Subject): readonly Finding[] {
  const { payload } = subject;
  if (!payload.reverted || payload.safeToReapply) return [];
  return [
    hazard(
      subject,
      'replace-reapplies-dirty-data',
      'was reverted, and its data is as it was left: APPLY would refuse it, REPLACE does not ask',
    ),
  ];
}

function checkExpectations(subject: Subject): readonly Finding[] {
  const { verdict } = replace(subject.model, subject.payload.name);
  const { outcome } = verdict;
  if (outcome.outcome !== 'refused' || outcome.stage !== 'expectations') return [];
  const reason = verdict.log.find(({ text }) => text.includes('expectation failed'))?.text;
  return [
    hazard(
      subject,
      'replace-expectations-fail',
      `does not find the code it expects once everything is reverted${reason === undefined ? '' : ` (${reason})`}: the host would then run with no patch at all`,
      {
        stage: outcome.stage,
        errno: outcome.errno,
      },
    ),
  ];
}

function checkLostHooks(subject: Subject, model: Model): readonly Finding[] {
  const own = WORKING_HOOKS.filter((kind) => subject.payload.hooks[kind] !== undefined);
  return model.applied.flatMap((name) => {
    const below = findPayload(model, name);
    const lost = WORKING_HOOKS.filter(
      (kind) => below?.hooks[kind] !== undefined && !own.includes(kind),
    );
    if (lost.length === 0) return [];
    return [
      hazard(
        subject,
        'replace-loses-hooks',
        `replaces ${JSON.stringify(name)}, whose ${lost.join(' and ')} hooks did work that nothing in it does again`,
      ),
    ];
  });
}
