import { nameText } from '../abi/payload-name.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import type { Snapshot } from '../hypervisor/index.js';
import type { InputFile } from '../payload/index.js';
import { type JournalEntry, openEntry } from './journal.js';
import type { LoadedState, Place } from './journal-record.js';
import { isSamePlace, isSameState, loadedState } from './loaded-state.js';
import type { PayloadStore } from './payload-store.js';

/** A hypervisor now, and what tells its boot from others. */
export interface Present {
  readonly snapshot: Snapshot;
  readonly bootId: string | null;
}

/** True where an entry may be about the hypervisor as it has run since: the same build, the same boot. */
export function isOfThisBoot({ begin }: JournalEntry, { snapshot, bootId }: Present): boolean {
  const isSameBuild = begin.hypervisor === snapshot.hypervisor.buildId;
  return isSameBuild && bootId !== null && begin.bootId === bootId;
}

/** What was loaded when an entry ended, or when somebody looked after that; null where nobody could tell. */
export function stateAfter({ end, closed }: JournalEntry): LoadedState | null {
  return closed?.found ?? end?.after ?? null;
}

/**
 * The entry that is undone: the last one that changed something. Fails with `undo-nothing`, `undo-interrupted`,
 * `undo-other-boot`, and `undo-differs` where what is loaded is no longer what it left.
 */
export function entryToUndo(entries: readonly JournalEntry[], present: Present): JournalEntry {
  const open = openEntry(entries);
  if (open !== null && isOfThisBoot(open, present)) {
    throw new XspliceError(
      'undo-interrupted',
      `Change ${open.number} (${open.begin.verb}) never ended`,
    );
  }
  const last = entries.findLast((entry) => {
    const after = stateAfter(entry);
    return after === null || !isSameState(entry.begin.before, after);
  });
  if (last === undefined) {
    throw new XspliceError('undo-nothing', 'The journal holds no change that could be undone');
  }
  const what = `Change ${last.number} (${last.begin.verb}, ${last.begin.at})`;
  if (!isOfThisBoot(last, present)) {
    const { hypervisor } = last.begin;
    const id = present.snapshot.hypervisor.buildId;
    const why =
      hypervisor === id
        ? 'was made before the hypervisor booted'
        : `was made on the hypervisor ${hypervisor ?? 'without a build-id'}, and ${id ?? 'one without a build-id'} runs`;
    throw new XspliceError('undo-other-boot', `${what} ${why}`);
  }
  const after = stateAfter(last);
  const now = loadedState(present.snapshot);
  if (after === null || !isSameState(after, now)) {
    const then = after === null ? 'is not known' : `was ${stateText(after)}`;
    throw new XspliceError(
      'undo-differs',
      `${what} is not undone: what it left ${then}, and now it is ${stateText(now)}`,
    );
  }
  return last;
}

/**
 * The change that never ended, and that is to be completed or taken back: the last one, or the one that recoveries which
 * did not get to their end were about. Null where there is none.
 */
export function entryToRecover(entries: readonly JournalEntry[]): JournalEntry | null {
  const at = entries.findLastIndex(
    ({ begin, end }) => begin.verb !== 'recover' || end?.outcome === 'done',
  );
  const entry = entries[at];
  if (entry === undefined || entry.end !== null) return null;
  // Who begins to recover it closes it.
  const isTried = at < entries.length - 1;
  return entry.closed === null || isTried ? entry : null;
}

/**
 * What is loaded and not applied since changes that failed or never ended uploaded it: nobody asked for it to stay
 * there. What a later change that ended found there, or left there, stays.
 */
export function leftovers(entries: readonly JournalEntry[], present: Present): readonly Place[] {
  const left: Place[] = [];
  for (const entry of entries.filter((one) => isOfThisBoot(one, present))) {
    const isGood = entry.end?.outcome === 'done' || entry.end?.outcome === 'partial';
    const uploaded = entry.begin.steps.filter(({ action }) => action === 'upload');
    if (isGood) {
      const asked = uploaded.filter((one) => left.some((two) => isSamePlace(one, two)));
      left.splice(
        0,
        left.length,
        ...left.filter((one) => !asked.some((two) => isSamePlace(one, two))),
      );
    } else {
      const fresh = uploaded.filter(
        (one) => !entry.begin.before.others.some((two) => isSamePlace(one, two)),
      );
      left.push(...fresh.map(({ name, buildId, depends }) => ({ name, buildId, depends })));
    }
  }
  const { others } = loadedState(present.snapshot);
  return others.filter((one) => left.some((two) => isSamePlace(one, two)));
}

/** Says of a change that never ended what was meant and what is there now. */
export function interruptedFinding(
  { number, begin }: JournalEntry,
  bootId: string | null,
  applied: readonly Place[],
): Finding {
  const { verb, at, planned } = begin;
  const since =
    bootId !== null && begin.bootId !== null && bootId !== begin.bootId
      ? ', before the hypervisor booted'
      : '';
  return finding('change-interrupted', {
    message: `Change ${number} (${verb}, ${at}) never ended${since}: it was to leave ${stateText(planned)}; applied now: ${stateText({ applied, others: [] })}`,
  });
}

/** Says of lines of a journal that they are damaged. */
export function damagedFindings(path: string, damaged: readonly string[]): readonly Finding[] {
  return damaged.map((place) =>
    finding('journal-damaged', { message: `${path}/${place} is not what was written` }),
  );
}

/** Changes whose payloads are kept, so that they can be undone. */
const KEPT_CHANGES = 20;

/**
 * Digests and build-ids of the payloads that a host needs: what is loaded now, and what any of its last changes found,
 * brought in or left.
 */
export function neededPayloads(
  entries: readonly JournalEntry[],
  { snapshot }: Pick<Present, 'snapshot'>,
): ReadonlySet<string> {
  const recent = entries.slice(-KEPT_CHANGES);
  const states = recent.flatMap((entry) => [
    ...[entry.begin.before, entry.begin.planned],
    ...[entry.end?.after, entry.closed?.found].flatMap((state) => state ?? []),
  ]);
  const places = [loadedState(snapshot), ...states].flatMap((one) => [
    ...one.applied,
    ...one.others,
  ]);
  const digests = recent.flatMap(({ begin }) => begin.steps.flatMap(({ sha256 }) => sha256 ?? []));
  return new Set([...places.flatMap(({ buildId }) => buildId ?? []), ...digests]);
}

/** The files of these payloads, as far as the store has them as they were added. */
export async function keptFiles(
  store: PayloadStore,
  places: readonly Place[],
): Promise<readonly InputFile[]> {
  const kept = await store.list();
  const wanted = kept.filter(({ buildId }) => places.some((one) => one.buildId === buildId));
  return Promise.all(wanted.map((payload) => store.read(payload)));
}

/** `hello, bye; loaded: third`. */
export function stateText({ applied, others }: LoadedState): string {
  const names = (places: readonly Place[]) => places.map(({ name }) => nameText(name)).join(', ');
  const stack = applied.length === 0 ? 'nothing' : names(applied);
  return others.length === 0 ? stack : `${stack}; loaded: ${names(others)}`;
}
