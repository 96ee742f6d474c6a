import type { BeginningChange, ExecutionReport, StepReport, Witness } from '../change/index.js';
import type { KeptFolder } from '../files/index.js';
import { type Finding, XspliceError } from '../findings/index.js';
import type { MachineClock } from '../host/index.js';
import type { PayloadInput } from '../payload/index.js';
import type { Step } from '../stack/index.js';
import type { HostWitness } from './host-witness.js';
import type { Journal } from './journal.js';
import {
  forgetUnconfirmed,
  readUnconfirmed,
  standingOf,
  type Unconfirmed,
  writeUnconfirmed,
} from './unconfirmed.js';

type Report = Omit<ExecutionReport, 'forgotten'>;

/** What a witness knows of its host. */
export interface HostPlace {
  readonly folder: KeptFolder;
  readonly journal: Journal;
  readonly bootId: string | null;
}

/** How a change is to be taken back unless it is confirmed. */
export interface ConfirmTerms extends HostPlace {
  readonly seconds: number;
  readonly clock: () => Promise<MachineClock | null>;
  /** Has somebody wait; ends once it is sure that somebody does. */
  readonly arm: (entry: number) => Promise<void>;
}

/** Passes on what it does not change. */
class Passing implements Witness {
  protected readonly inner: HostWitness;

  constructor(inner: HostWitness) {
    this.inner = inner;
  }

  foresee(...of: Parameters<Witness['foresee']>): Promise<readonly Finding[]> {
    return this.inner.foresee(...of);
  }

  recall(...of: Parameters<Witness['recall']>): Promise<readonly PayloadInput[]> {
    return this.inner.recall(...of);
  }

  begin(change: BeginningChange): Promise<void> {
    return this.inner.begin(change);
  }

  intend(step: Step, isTakenBack: boolean): Promise<void> {
    return this.inner.intend(step, isTakenBack);
  }

  record(report: StepReport): Promise<void> {
    return this.inner.record(report);
  }

  end(report: Report): Promise<readonly Finding[]> {
    return this.inner.end(report);
  }
}

/**
 * A change that is taken back unless it is confirmed: before its first step somebody waits for it, and from its end on its
 * time counts. What failed and is as it was waits for nothing.
 */
export class UntilConfirmed extends Passing {
  readonly #terms: ConfirmTerms;
  #waiting: Unconfirmed | null = null;

  constructor(inner: HostWitness, terms: ConfirmTerms) {
    super(inner);
    this.#terms = terms;
  }

  /** The change that waits; null where none does. */
  get waiting(): Unconfirmed | null {
    return this.#waiting;
  }

  /** Fails with `confirm-pending`, with `confirm-not-armed`, and as keeping it does: nothing was done then. */
  override async begin(change: BeginningChange): Promise<void> {
    const { folder, journal, bootId, arm } = this.#terms;
    const earlier = await readUnconfirmed(folder);
    if (earlier !== null) {
      const present = { snapshot: change.before, bootId };
      const standing = standingOf(earlier, (await journal.read()).entries, present);
      if (standing === 'wait') throw pending(earlier, 'Nothing was changed: ');
    }
    await super.begin(change);
    try {
      const { entry } = this.inner;
      if (entry === null) throw notArmed('the journal, by which it would be done, is not written');
      await this.#keep(entry);
      await arm(entry);
    } catch (error) {
      await forgetUnconfirmed(folder).catch(() => undefined);
      this.#waiting = null;
      await super.end(nothingDone(change));
      throw error;
    }
  }

  override async end(report: Report): Promise<readonly Finding[]> {
    const forgotten = await super.end(report);
    const waiting = this.#waiting;
    if (waiting === null) return forgotten;
    const isNothingLeft = report.outcome !== 'done' && report.asItWas;
    try {
      if (isNothingLeft) await forgetUnconfirmed(this.#terms.folder);
      else await this.#keep(waiting.entry);
    } catch {
      // Who waits finds the time of before, or that nothing is left to be taken back.
    }
    if (isNothingLeft) this.#waiting = null;
    return forgotten;
  }

  async #keep(entry: number): Promise<void> {
    const { folder, seconds, clock } = this.#terms;
    const now = await clock();
    if (now === null) throw notArmed('the clock of the machine cannot be read');
    const waiting: Unconfirmed = {
      ...{ entry, seconds, clock: now.bootId, failed: null },
      dueMs: now.uptimeMs + seconds * 1000,
    };
    await writeUnconfirmed(folder, waiting);
    this.#waiting = waiting;
  }
}

/**
 * The way back from a change that nobody confirmed. It begins only while nobody has, with the host's lock: of
 * confirming and taking back, exactly one happens.
 */
export class TakingBack extends Passing {
  readonly #place: HostPlace;
  readonly #entry: number;
  #waiting: Unconfirmed | null = null;

  constructor(inner: HostWitness, place: HostPlace, entry: number) {
    super(inner);
    this.#place = place;
    this.#entry = entry;
  }

  /** Fails with `confirm-nothing` where it was confirmed, and with `stale-plan` where others changed something. */
  override async begin(change: BeginningChange): Promise<void> {
    const { folder, journal, bootId } = this.#place;
    const waiting = await readUnconfirmed(folder);
    if (waiting?.entry !== this.#entry) {
      throw new XspliceError('confirm-nothing', `Change ${this.#entry} is confirmed`);
    }
    const present = { snapshot: change.before, bootId };
    if (standingOf(waiting, (await journal.read()).entries, present) !== 'wait') {
      const message = 'Nothing was changed: others changed what is loaded in between';
      throw new XspliceError('stale-plan', message);
    }
    await super.begin(change);
    this.#waiting = waiting;
    // From here on the journal knows it. Where that cannot be written, what is loaded tells.
    await forgetUnconfirmed(folder).catch(() => undefined);
  }

  override async end(report: Report): Promise<readonly Finding[]> {
    const forgotten = await super.end(report);
    if (this.#waiting !== null && report.outcome !== 'done') {
      const failed = `it was ${report.outcome.replace('-', ' ')}`;
      await writeUnconfirmed(this.#place.folder, { ...this.#waiting, failed }).catch(
        () => undefined,
      );
    }
    return forgotten;
  }
}

/** Says that a change waits, so that another one cannot; `before` begins the sentence. */
export function pending({ entry }: Pick<Unconfirmed, 'entry'>, before: string): XspliceError {
  return new XspliceError('confirm-pending', `${before}change ${entry} is not confirmed yet`);
}

/** Nobody would take it back. */
export function notArmed(why: string): XspliceError {
  const message = `Nothing was changed: nobody would take it back, since ${why}`;
  return new XspliceError('confirm-not-armed', message);
}

function nothingDone({ before }: BeginningChange): Report {
  return {
    ...{ outcome: 'taken-back', asItWas: true, interrupted: false },
    ...{ steps: [], undone: [], lost: [], after: before },
  };
}
