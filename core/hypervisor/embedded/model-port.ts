import { XspliceError } from '../../findings/index.js';
import {
  type Answer,
  apply,
  type Fatality,
  type Model,
  replace,
  revert,
  unload,
  upload,
  type Verdict,
} from '../../verify/index.js';
import type {
  Action,
  ActionOptions,
  HostDescription,
  HypervisorPort,
  OperationResult,
} from '../port.js';
import type { Snapshot } from '../snapshot.js';
import { snapshotOf } from './snapshot.js';

/** Where a model lives between two operations. */
export interface ModelStore {
  /** Runs one operation alone: what it returns as the model is kept, if it is not the one it got. */
  update<T>(operation: (model: Model) => { readonly model: Model; readonly value: T }): Promise<T>;
  read(): Promise<Model>;
  /** Runs something while nobody else updates what is kept. */
  exclusive<T>(run: () => Promise<T>): Promise<T>;
  /** XENVER_version and extraversion as text. */
  readonly version: string;
}

/** Thrown in place of an operation that a real Xen would not survive. Its code is `would-be-fatal`. */
export class FatalVerdict extends XspliceError {
  readonly verdict: Verdict;

  constructor(operation: string, fatality: Fatality, verdict: Verdict) {
    const { cause, stage } = fatality;
    super('would-be-fatal', `Xen would not survive ${operation}: ${cause} (${stage})`, {
      hint: 'This payload must never be uploaded to a hypervisor. Build it again.',
    });
    this.verdict = verdict;
  }
}

/**
 * The rules of core/verify as a hypervisor that can be operated. It refuses what Xen refuses; what
 * would kill Xen is not done but thrown, as a FatalVerdict.
 */
export class ModelPort implements HypervisorPort {
  readonly host: HostDescription;
  readonly #store: ModelStore;
  /** What was observed, for as long as somebody has the snapshot. */
  readonly #observed = new WeakMap<Snapshot, Model>();

  constructor(host: HostDescription, store: ModelStore) {
    this.host = host;
    this.#store = store;
  }

  async observe(): Promise<Snapshot> {
    const model = await this.#store.read();
    const snapshot = snapshotOf(model, this.#store.version);
    this.#observed.set(snapshot, model);
    return snapshot;
  }

  /** The hypervisor as it was when it was observed, whatever others did since; as it is now where another port observed it. */
  async modelOf(snapshot: Snapshot): Promise<Model> {
    return this.#observed.get(snapshot) ?? this.#store.read();
  }

  upload(name: string, bytes: Uint8Array): Promise<OperationResult> {
    return this.#run(name, 'upload', (model) => upload(model, name, bytes));
  }

  act(name: string, action: Action, options: ActionOptions): Promise<OperationResult> {
    return this.#run(name, action.toLowerCase(), (model) => {
      switch (action) {
        case 'UNLOAD':
          return unload(model, name);
        case 'REVERT':
          return revert(model, name);
        case 'APPLY':
          return apply(model, name, options);
        case 'REPLACE':
          return replace(model, name);
      }
    });
  }

  exclusive<T>(run: () => Promise<T>): Promise<T> {
    return this.#store.exclusive(run);
  }

  async close(): Promise<void> {}

  async #run(
    name: string,
    verb: string,
    operation: (model: Model) => Answer,
  ): Promise<OperationResult> {
    const start = performance.now();
    const answers = await this.#store.update((model) => {
      const answer = operation(model);
      const { verdict } = answer;
      const { outcome, hypercallRc, payloadRc, log } = verdict;
      if (outcome.outcome === 'fatal') {
        throw new FatalVerdict(`${verb} of ${JSON.stringify(name)}`, outcome, verdict);
      }
      const lines = log.map((line) => line.text);
      const value = { hypercallRc: hypercallRc ?? 0, payloadRc, log: lines, verdict };
      return { model: answer.model, value };
    });
    return { ...answers, elapsedMs: performance.now() - start };
  }
}

/** A model that is forgotten with the process: what plans are tried on before they are executed. */
export class MemoryStore implements ModelStore {
  readonly version: string;
  #model: Model;

  constructor(model: Model, version: string) {
    this.#model = model;
    this.version = version;
  }

  async read(): Promise<Model> {
    return this.#model;
  }

  /** Nobody else has it. */
  exclusive<T>(run: () => Promise<T>): Promise<T> {
    return run();
  }

  async update<T>(operation: (model: Model) => { model: Model; value: T }): Promise<T> {
    const { model, value } = operation(this.#model);
    this.#model = model;
    return value;
  }
}
