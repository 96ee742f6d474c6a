import type { BeginningChange, ExecutionReport, StepReport, Witness } from '../change/index.js';
import { reasonOf } from '../files/index.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type PayloadInput, readInputs } from '../payload/index.js';
import { applySteps, type Plan, type Step } from '../stack/index.js';
import type { Journal } from './journal.js';
import type { BeginRecord, JournalRecord, JournalStep } from './journal-record.js';
import { keepPayloads } from './keeping.js';
import { loadedState } from './loaded-state.js';
import { interruptedFinding, keptFiles } from './past.js';
import type { PayloadStore } from './payload-store.js';

/** Lines of Xen's that are kept of a step. */
const MAX_LOG_LINES = 100;
const NOT_WRITABLE = 'journal-not-writable';

/** What a journal is told of a change beside the change itself. */
export type AboutChange = Pick<BeginRecord, 'host' | 'bootId' | 'verb' | 'tool' | 'who' | 'undoes'>;

/** Where a host's changes are remembered, and how strictly. */
export interface HostMemory {
  readonly journal: Journal;
  /** Null where no payload is to be kept. */
  readonly store: PayloadStore | null;
  readonly about: AboutChange;
  /** True where a change goes on though it cannot be remembered. */
  readonly mayForget: boolean;
  /** What is known of the change beforehand. */
  readonly foretold: readonly Finding[];
  /** When the change began that the host took back by itself; null where it took none back. */
  readonly tookBackSince: string | null;
}

/**
 * Keeps the payloads of a change and writes its journal: each step's intent before the hypervisor is asked, its outcome
 * no later than the next intent. Where that cannot be written, what brings something in is refused, and what takes
 * something out goes on and says so.
 */
export class HostWitness implements Witness {
  readonly #memory: HostMemory;
  #entry: number | null = null;
  #isNeeded = true;
  /** Outcomes that are not written yet. */
  #pending: JournalRecord[] = [];
  /** Why the journal lacks something; null while it lacks nothing. */
  #lost: string | null = null;
  #payloads: readonly PayloadInput[] = [];

  constructor(memory: HostMemory) {
    this.#memory = memory;
  }

  /** The number of its change in the journal; null where that is not begun, or could not be written. */
  get entry(): number | null {
    return this.#entry;
  }

  async foresee(plan: Plan): Promise<readonly Finding[]> {
    const { journal, about, foretold } = this.#memory;
    try {
      const reason = await journal.obstacle();
      if (reason !== null) return [...foretold, this.#foreseen(reason, plan)];
      const open = plan.command === 'recover' ? null : await journal.unended();
      const left = open === null ? [] : [interruptedFinding(open, about.bootId, plan.before)];
      return [...foretold, ...left];
    } catch (error) {
      return [...foretold, this.#foreseen(whyNot(error), plan)];
    }
  }

  async recall(steps: readonly Step[]): Promise<readonly PayloadInput[]> {
    const { store } = this.#memory;
    if (store === null) return [];
    const files = await keptFiles(store, steps).catch(() => []);
    return readInputs(files).payloads;
  }

  async begin(change: BeginningChange): Promise<void> {
    const { plan, before, payloads, accepted } = change;
    const { store, about, mayForget, journal } = this.#memory;
    this.#isNeeded = bringsIn(plan) && !mayForget;
    this.#payloads = payloads;
    if (store !== null) await keepPayloads(store, change);
    try {
      this.#entry = await journal.begin(
        {
          ...about,
          at: now(),
          hypervisor: before.hypervisor.buildId,
          version: before.hypervisor.version,
          fingerprint: plan.fingerprint,
          before: loadedState(before),
          planned: loadedState(applySteps(before, plan.steps)),
          steps: plan.steps.map((step) => this.#stepOf(step)),
          accepted: accepted.map(({ code, payload = null }) => ({ code, payload })),
        },
        this.#memory.tookBackSince,
      );
    } catch (error) {
      if (this.#isNeeded) throw this.#error(error, 'Nothing was changed: ');
      this.#lost = whyNot(error);
    }
  }

  async intend(step: Step, isTakenBack: boolean): Promise<void> {
    const entry = this.#entry;
    if (entry === null) return;
    const intent = { kind: 'intent', entry, at: now(), isTakenBack } as const;
    try {
      await this.#write([{ ...intent, step: this.#stepOf(step) }]);
    } catch (error) {
      if (this.#isNeeded && !isTakenBack) throw this.#error(error, '');
      this.#lost = whyNot(error);
    }
  }

  async record({ status, result, attempts, error }: StepReport): Promise<void> {
    const entry = this.#entry;
    // Of a step that was not begun there is no intent.
    if (entry === null || attempts === 0) return;
    this.#pending.push({
      ...{ kind: 'outcome', entry, status, attempts },
      hypercallRc: result?.hypercallRc ?? null,
      payloadRc: result?.payloadRc ?? null,
      log: (result?.log ?? []).slice(-MAX_LOG_LINES),
      elapsedUs: Math.round((result?.elapsedMs ?? 0) * 1000),
      error: error?.message ?? null,
    });
  }

  async end({ outcome, after }: Omit<ExecutionReport, 'forgotten'>): Promise<readonly Finding[]> {
    const entry = this.#entry;
    if (entry !== null) {
      const state = after === null ? null : loadedState(after);
      try {
        await this.#write([{ kind: 'end', entry, at: now(), outcome, after: state }]);
      } catch (error) {
        this.#lost = whyNot(error);
      }
    }
    return this.#lost === null ? [] : [this.#finding(this.#lost, 'warning')];
  }

  /** The records that wait are written with these, or stay waiting. */
  async #write(records: readonly JournalRecord[]): Promise<void> {
    await this.#memory.journal.write([...this.#pending, ...records]);
    this.#pending = [];
  }

  #stepOf(step: Step): JournalStep {
    const { action, name, buildId, depends, nodeps, guard } = step;
    const sha256 =
      step.sha256 ??
      this.#payloads.find(({ planned }) => buildId !== null && planned.buildId === buildId)?.input
        .sha256;
    return {
      ...{ action, name, buildId, depends },
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(nodeps === undefined ? {} : { nodeps }),
      ...(guard === undefined ? {} : { guard }),
    };
  }

  #foreseen(reason: string, plan: Plan): Finding {
    return this.#finding(reason, bringsIn(plan) ? 'error' : 'warning');
  }

  #finding(reason: string, severity: Finding['severity']): Finding {
    const message = `The journal ${this.#memory.journal.path} cannot be written: ${reason}`;
    return { ...finding(NOT_WRITABLE, { message }), severity };
  }

  #error(cause: unknown, before: string): XspliceError {
    const what = `the journal ${this.#memory.journal.path} cannot be written: ${whyNot(cause)}`;
    const message = before === '' ? `T${what.slice(1)}` : `${before}${what}`;
    return new XspliceError(NOT_WRITABLE, message, { cause });
  }
}

/** True where a plan is made to bring something in: what takes something out has to work always. */
function bringsIn({ command, steps }: Plan): boolean {
  if (command === 'revert' || command === 'unload') return false;
  return steps.some(({ action }) => ['upload', 'apply', 'replace'].includes(action));
}

function whyNot(error: unknown): string {
  return error instanceof XspliceError ? error.message : reasonOf(error);
}

function now(): string {
  return new Date().toISOString();
}
