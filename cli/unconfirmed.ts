import {
  type JournalEntry,
  openEntry,
  type Present,
  readUnconfirmed,
  secondsLeft,
  standingOf,
} from '../core/store/index.js';
import type { MeantHost } from './meant-host.js';
import type { Session } from './session.js';
import { wayBackOf } from './way-back.js';

/** A change that nobody confirmed yet, and what will become of it. */
export interface WaitingChange {
  /** Its number in the journal. */
  readonly entry: number;
  /**
   * `waiting`: it is taken back when its time is up. `unattended`: nobody takes it back, since who waited was killed.
   * `failed`: to take it back was tried. `overtaken`: others changed what is loaded since, and it stays.
   */
  readonly state: 'waiting' | 'unattended' | 'failed' | 'overtaken';
  /** Until it is taken back; null where it is not. */
  readonly secondsLeft: number | null;
  /** Why it could not be taken back; null where that was not tried. */
  readonly reason: string | null;
  /** True where the change itself never ended. */
  readonly isOpen: boolean;
}

/** Null where nothing waits to be confirmed. Fails as reading the store does. */
export async function waitingChange(
  session: Session,
  meant: MeantHost,
  read: () => Promise<{
    readonly entries: readonly JournalEntry[];
    readonly present: Present;
  }>,
): Promise<WaitingChange | null> {
  const waiting = await readUnconfirmed(await meant.folder());
  if (waiting === null) return null;
  const { entries, present } = await read();
  const standing = standingOf(waiting, entries, present);
  if (standing === 'over') return null;
  const { entry, failed: reason } = waiting;
  const isOpen = openEntry(entries)?.number === entry;
  const about = { entry, reason, isOpen, secondsLeft: null };
  if (reason !== null) return { ...about, state: 'failed' };
  if (standing === 'overtaken') return { ...about, state: 'overtaken' };
  const left = secondsLeft(waiting, await (await meant.open()).clock());
  const isAwake = await (await wayBackOf(session, meant)).isAwake();
  if (left === null || isAwake === false) return { ...about, state: 'unattended' };
  return { ...about, state: 'waiting', secondsLeft: left };
}
