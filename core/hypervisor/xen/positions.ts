import type { BuildId } from '../../abi/ids.js';

/** What is known of an applied payload before its place is. */
export interface Placeable {
  readonly buildId: BuildId | null;
  readonly depends: BuildId | null;
}

/**
 * The places of the applied payloads in the stack, 1 on the hypervisor. Xen tells the order of
 * application nowhere, but APPLY compares depends with the last applied payload's id: following the
 * ids up from the hypervisor's gives the order, provided that exactly one payload fits each step.
 *
 * All null when the ids do not form one line over all of them: something was then applied with
 * NODEPS, or an id is unknown, and any of the others may have it below or above. What NODEPS put in
 * another order than the ids tell, though they form a line, cannot be seen; a REVERT out of order is
 * then answered with EBUSY, and Xen's console names the payload on top.
 */
export function positionsOf(
  hypervisorId: BuildId | null,
  applied: readonly Placeable[],
): readonly (number | null)[] {
  const unknown = applied.map(() => null);
  const children = new Map<BuildId, number[]>();
  for (const [index, { depends, buildId }] of applied.entries()) {
    if (depends === null || buildId === null) return unknown;
    children.set(depends, [...(children.get(depends) ?? []), index]);
  }
  const positions: (number | null)[] = [...unknown];
  let below = hypervisorId;
  for (let position = 1; position <= applied.length; position++) {
    const [index, other] = below === null ? [] : (children.get(below) ?? []);
    if (index === undefined || other !== undefined || positions[index] !== null) return unknown;
    positions[index] = position;
    below = applied[index]?.buildId ?? null;
  }
  return positions;
}
