import type { BuildId } from '../abi/ids.js';
import { type Finding, finding } from '../findings/index.js';
import type { PlanPayload } from '../payload/index.js';

/** Payloads that cannot take the place of all others, where Xen's rules are not there to say so. */
export function unfitAlone(
  members: readonly PlanPayload[],
  hypervisor: BuildId,
): readonly Finding[] {
  return members.flatMap(({ file, depends, vetoingHooks }) => [
    ...(depends === hypervisor
      ? []
      : [
          finding('not-on-hypervisor', {
            file,
            message: `${file} builds on ${depends ?? 'nothing that can be read'}, but replace needs a payload that builds on the hypervisor ${hypervisor}`,
          }),
        ]),
    ...(vetoingHooks.length === 0
      ? []
      : [
          finding('replace-vetoed', {
            file,
            message: `${file} has hooks with which Xen refuses REPLACE: ${vetoingHooks.join(', ')}`,
          }),
        ]),
  ]);
}
