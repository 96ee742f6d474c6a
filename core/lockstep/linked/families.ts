import type { Loaded, Process } from '../../link/index.js';
import type { LockstepVerdict } from '../verdict.js';
import { answerStart } from './answer.js';
import { fitOf } from './judge.js';

/** Libraries that are in lockstep with the programs of their release: Xen's, and libnbd. */
const FAMILY = /^lib(?:xen\w*|xlutil|nbd)\.so\./;

/** Whether a program asks for one of them itself. */
export function needsFamily({ object }: Pick<Loaded, 'object'>): boolean {
  return object.needed.some((name) => FAMILY.test(name));
}

/** Each of these libraries that a started program has loaded, with how it fits. */
export function familyVerdicts(
  process: Process,
): readonly { readonly library: Loaded; readonly verdict: LockstepVerdict }[] {
  return process.global
    .filter(({ object }) => object.soname !== null && FAMILY.test(object.soname))
    .map((library) => ({ library, verdict: answerStart(fitOf(process, library), 'program') }));
}
