import type { Finding } from '../findings/index.js';
import type { Model, ModelPayload } from '../verify/index.js';
import { checkBindings } from './bindings.js';
import { bounded } from './bounded.js';
import { checkCriticalCode } from './critical-code.js';
import { checkInstructionEnds } from './instruction-ends.js';
import { checkLifetime } from './lifetime.js';
import { checkNames } from './names.js';
import { checkOverlaps } from './overlaps.js';
import { checkReplace } from './replace.js';
import { checkSizes } from './sizes.js';
import { type HazardContext, type Subject, sitesOf } from './subject.js';

export { initSymbolAt } from './critical-code.js';
export type { HazardContext } from './subject.js';

/**
 * What Xen accepts of a payload and what can kill the host, or surprise its owner, all the same. The
 * model is one in which the payload is loaded: after an accepted upload, applied or not.
 *
 * Findings have the codes of HazardCode, each as severe as the catalogue says, in the order of these checks; of
 * one code the first hundred, and how many more there are. They are about what is known: without symbols in the
 * context, those on sizes, names and instructions are left out. The disassembler is loaded only if there is code
 * to look at.
 */
export function checkHazards(
  model: Model,
  payload: ModelPayload,
  context: HazardContext,
): readonly Finding[] {
  const subject: Subject = { model, payload, sites: sitesOf(model, payload), context };
  return bounded([
    ...checkSizes(subject),
    ...checkInstructionEnds(subject),
    ...checkOverlaps(subject),
    ...checkCriticalCode(subject),
    ...checkBindings(subject),
    ...checkNames(subject),
    ...checkLifetime(subject),
    ...(context.intent === 'replace' ? checkReplace(subject) : []),
  ]);
}
