import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import type { LoadedState, Place } from './journal-record.js';

/** What a snapshot says is loaded, as a journal keeps it. */
export function loadedState(snapshot: Snapshot): LoadedState {
  const others = snapshot.payloads.filter(({ state }) => state !== 'APPLIED');
  return { applied: stackOf(snapshot).map(placeOf), others: others.map(placeOf) };
}

/** True where the same is applied in the same order, and the same is loaded beside it. */
export function isSameState(a: LoadedState, b: LoadedState): boolean {
  return isSameStack(a.applied, b.applied) && isSameStack(sorted(a.others), sorted(b.others));
}

/** True where these are the same payloads in the same order. */
export function isSameStack(a: readonly Place[], b: readonly Place[]): boolean {
  return a.length === b.length && a.every((one, index) => isSamePlace(one, b[index]));
}

/** True where name and id agree; an id that is not known disagrees with none. */
export function isSamePlace(a: Place, b: Place | undefined): boolean {
  if (b === undefined || a.name !== b.name) return false;
  return a.buildId === null || b.buildId === null || a.buildId === b.buildId;
}

function sorted(places: readonly Place[]): readonly Place[] {
  return [...places].sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

function placeOf({ name, buildId, depends }: LoadedPayload): Place {
  return { name, buildId, depends };
}
