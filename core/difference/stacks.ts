import type { PayloadInput } from '../payload/index.js';
import type { Difference } from './payloads.js';

/** A payload in a stack, as a hypervisor tells it. */
export interface StackPlace {
  readonly name: string;
  readonly buildId: string | null;
}

/** Where a chain and what a hypervisor has applied differ, place by place from the base, by build-ids. */
export function stackDifferences(
  chain: readonly PayloadInput[],
  applied: readonly StackPlace[],
): readonly Difference[] {
  const places = Array.from({ length: Math.max(chain.length, applied.length) }, (_, at) => at);
  return places.flatMap((at): readonly Difference[] => {
    const wanted = chain[at]?.planned;
    const found = applied[at];
    const isSame = wanted !== undefined && found !== undefined && wanted.buildId === found.buildId;
    if (isSame && wanted.buildId !== null) return [];
    const text = (place: StackPlace | undefined) =>
      place === undefined ? null : `${place.name} ${place.buildId ?? 'of unknown id'}`;
    return [
      {
        kind: 'order',
        payload: null,
        name: `place ${at + 1}`,
        left: text(wanted),
        right: text(found),
      },
    ];
  });
}
