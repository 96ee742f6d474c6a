import { type Codec, integer, type KeptFolder, objectOf, orNull, text } from '../files/index.js';
import type { MachineClock } from '../host/index.js';
import type { JournalEntry } from './journal.js';
import type { LoadedState } from './journal-record.js';
import { isSamePlace, isSameState, loadedState } from './loaded-state.js';
import { isOfThisBoot, type Present, stateAfter } from './past.js';
import { readVersioned, writeVersioned, writing } from './store-format.js';

/** In the folder of a host: one file, and the lock of who waits. */
export const CONFIRM_FOLDER = 'confirm';
export const CONFIRM_FILE = `${CONFIRM_FOLDER}/waiting.json`;
const FORMAT_VERSION = 1;

/** A change that is taken back unless somebody confirms it. Who reads or writes it to decide has the host's lock. */
export interface Unconfirmed {
  /** Of the change in the journal. */
  readonly entry: number;
  /** How long it waits, from its end on. */
  readonly seconds: number;
  /** The boot of the machine whose clock counts. */
  readonly clock: string;
  /** When it is taken back, by that clock. */
  readonly dueMs: number;
  /** Why it could not be taken back; null where that was not tried. */
  readonly failed: string | null;
}

const unconfirmed: Codec<Unconfirmed> = objectOf<Unconfirmed>({
  ...{ entry: integer, seconds: integer, clock: text, dueMs: integer, failed: orNull(text) },
});

/** Null where nothing waits. Fails with `store-damaged`, `store-too-new`, `store-not-readable`. */
export function readUnconfirmed(folder: KeptFolder): Promise<Unconfirmed | null> {
  return readVersioned(folder, CONFIRM_FILE, FORMAT_VERSION, unconfirmed);
}

/** Fails with `store-not-writable`, `store-too-new`. */
export function writeUnconfirmed(folder: KeptFolder, one: Unconfirmed): Promise<void> {
  return writeVersioned(folder, CONFIRM_FILE, FORMAT_VERSION, unconfirmed, one);
}

/** From now on nothing waits. Fails with `store-not-writable`. */
export async function forgetUnconfirmed(folder: KeptFolder): Promise<void> {
  await writing(folder, () => folder.remove(CONFIRM_FILE));
}

/**
 * What is to be done about an unconfirmed change. `wait`: to be taken back when it is due. `overtaken`: others changed
 * what is loaded since, so that it stays. `over`: there is nothing left of it.
 */
export type Standing = 'wait' | 'overtaken' | 'over';

export function standingOf(
  { entry: number }: Unconfirmed,
  entries: readonly JournalEntry[],
  present: Present,
): Standing {
  const entry = entries.find((one) => one.number === number);
  if (entry === undefined || !isOfThisBoot(entry, present)) return 'over';
  const { before, planned } = entry.begin;
  const now = loadedState(present.snapshot);
  if (isSameState(before, now)) return 'over';
  const after = stateAfter(entry);
  const isItsOwn = after === null ? isPartOf(now, before, planned) : isSameState(after, now);
  return isItsOwn ? 'wait' : 'overtaken';
}

/** Until it is due, at least 0; null where the clock that counts has stopped: the machine booted since. */
export function secondsLeft(one: Unconfirmed, clock: MachineClock | null): number | null {
  if (clock?.bootId !== one.clock) return null;
  return Math.max(0, Math.ceil((one.dueMs - clock.uptimeMs) / 1000));
}

/** True where nothing is loaded but what was there before or was to be: as a change may leave it that was killed. */
function isPartOf(now: LoadedState, before: LoadedState, planned: LoadedState): boolean {
  const known = [before, planned].flatMap(({ applied, others }) => [...applied, ...others]);
  return [...now.applied, ...now.others].every((one) => known.some((two) => isSamePlace(one, two)));
}
