import type { Finding } from '../findings/index.js';
import {
  checkHazards,
  checkUnload,
  claimsOf,
  strayWritesOf,
  unusedParts,
} from '../hazards/index.js';
import type { PreflightModel } from '../host/index.js';
import type { PayloadInput } from '../payload/index.js';
import type { Plan, Step } from '../stack/index.js';
import {
  type Answer,
  apply,
  findPayload,
  type Model,
  replace,
  revert,
  unload,
  upload,
} from '../verify/index.js';
import { inputOf } from './step-input.js';

type KnownHost = Extract<PreflightModel, { readonly model: Model }>;

/**
 * The hazards of every payload of known contents that a plan applies or brings in, each on the hypervisor as it is
 * when its turn comes, and those of what it takes out. A step that Xen does not accept changes nothing
 * here: that is the preflight's to say.
 */
export function hazardsOfPlan(
  plan: Plan,
  payloads: readonly PayloadInput[],
  { model, symbols, opaque }: KnownHost,
): readonly Finding[] {
  const findings: Finding[] = [];
  const applied = new Set(plan.steps.flatMap((step) => (isApplication(step) ? [step.name] : [])));
  let current = model;
  for (const step of plan.steps) {
    const input = inputOf(step, payloads);
    const answer = answerTo(current, step, input);
    const next = answer?.model ?? current;
    const isUpload = step.action === 'upload';
    if (isUpload && input !== undefined && answer !== null) {
      findings.push(
        ...unusedParts(input.payload, model.rules),
        ...strayWritesOf(input.planned.file, answer.verdict),
      );
      const named = { ...input, planned: { ...input.planned, name: step.name } };
      findings.push(...claimsOf(named, next, symbols));
    }
    // What is uploaded and applied is looked at when it is applied: all that matters is there then.
    const isLooked = isApplication(step) || (isUpload && !applied.has(step.name));
    const there = isUpload ? next : current;
    const loaded = isLooked ? findPayload(there, step.name) : null;
    if (loaded !== null && !opaque.includes(step.name)) {
      const file = input?.planned.file ?? step.file;
      const context = {
        symbols,
        imports: input?.payload.imports.map(({ name }) => name) ?? null,
        intent: plan.command === 'replace' ? ('replace' as const) : ('apply' as const),
        isCodeCompared: step.guard === 'old-code' || step.guard === 'both',
        ...(file === undefined ? {} : { file }),
      };
      findings.push(...checkHazards(there, loaded, context));
    }
    current = next;
  }
  const gone = plan.steps.flatMap(({ action, name }) => (action === 'unload' ? [name] : []));
  return [...findings, ...checkUnload(model, new Set(gone))];
}

function isApplication({ action }: Step): boolean {
  return action === 'apply' || action === 'replace';
}

/** What Xen answers to a step; null where it is not asked, or the file is not at hand. */
function answerTo(model: Model, step: Step, input: PayloadInput | undefined): Answer | null {
  const { name } = step;
  switch (step.action) {
    case 'upload':
      return input === undefined ? null : upload(model, name, input.input.bytes);
    case 'apply':
      return apply(model, name, { nodeps: step.nodeps === true });
    case 'replace':
      return replace(model, name);
    case 'revert':
      return revert(model, name);
    case 'unload':
      return unload(model, name);
    case 'none':
      return null;
  }
}
