import { nameText } from '../../core/abi/payload-name.js';
import type { SavedStack } from '../../core/store/index.js';

/** A saved stack for programs. */
export function savedFields({
  at,
  hypervisor,
  stack,
  accepted,
}: SavedStack): Readonly<Record<string, unknown>> {
  return {
    at,
    hypervisor,
    stack: stack.map((one) => ({ ...one, name: nameText(one.name) })),
    accepted,
  };
}
