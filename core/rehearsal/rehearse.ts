import { setTimeout as pause } from 'node:timers/promises';
import { XEN_ERRNO } from '../abi/errno.js';
import { nameText } from '../abi/payload-name.js';
import { XspliceError } from '../findings/index.js';
import type { Action, OperationResult } from '../hypervisor/index.js';
import {
  type Answer,
  answerOf,
  apply,
  type Model,
  type Operation,
  replace,
  revert,
  unload,
  upload,
  type Verdict,
} from '../verify/index.js';
import { differenceOf, seenOf } from './compare.js';
import {
  isSameRun,
  type PayloadRehearsal,
  type Performer,
  type Rehearsal,
  type Seen,
  type StepRehearsal,
  type TestRehearsal,
} from './rehearsal.js';
import type { Stage, TestRun } from './stage.js';

/** An emulated machine is slow: the longest time that Xen takes for all its CPUs to meet. */
const TIMEOUT_NS = 4_000_000_000;
/** So often is an action asked for that Xen had no time for. */
const MOST_TRIES = 5;
const PAUSE_MS = 100;

/** What is tried, on a hypervisor that was just booted and of which this is the model. */
export interface RehearsalPlan {
  /** Each behind its parent. */
  readonly performers: readonly Performer[];
  readonly model: Model;
  /** `apply`: each on top of its parent. `replace`: each by itself. */
  readonly action: 'apply' | 'replace';
  /** False where Xen prints more than its verdicts know, as a debug build does. */
  readonly areLinesCompared: boolean;
  /** What tests are called, in the order of their numbers. */
  readonly tests: readonly string[];
  readonly testLimitMs: number;
  /** Told what is done next, in words. */
  readonly onProgress?: (what: string) => void;
}

/**
 * Uploads and applies each payload, step by step, takes all off again, last first, and compares every answer with its
 * verdict; runs the tests before, after each apply and after each revert. A payload of which the verdict is fatal is not
 * loaded. Ends early where Xen dies, which is an answer too.
 *
 * Fails with `rehearsal-lost` where what Xen runs in ends, with `test-not-run`, and as the port does.
 */
export async function rehearse(plan: RehearsalPlan, stage: Stage): Promise<Rehearsal> {
  return new Run(plan, stage).all();
}

/**
 * Tries one payload whose verdict is fatal, or may be, on a hypervisor of its own, on top of those that were applied before
 * it. Fails as {@link rehearse} does.
 */
export async function rehearseDeadly(
  plan: RehearsalPlan,
  performer: Performer,
  stage: Stage,
): Promise<PayloadRehearsal> {
  return new Run({ ...plan, tests: [] }, stage).deadly(performer);
}

/** A payload that is on its way. */
interface Act {
  readonly performer: Performer;
  skipped: string | null;
  isDeadly: boolean;
  readonly steps: StepRehearsal[];
  readonly tests: { readonly before: TestRun; readonly with: TestRun; after: TestRun | null }[];
}

type Applied = 'applied' | 'not-applied';

class Run {
  readonly #plan: RehearsalPlan;
  readonly #stage: Stage;
  readonly #acts: Act[];
  #model: Model;
  /** What the tests said last. */
  #last: readonly TestRun[] = [];
  #isDead = false;
  /** The last on top. */
  readonly #applied: Act[] = [];
  /** What could not be taken off: it is not tried again. */
  #stuck: Act | null = null;

  constructor(plan: RehearsalPlan, stage: Stage) {
    this.#plan = plan;
    this.#stage = stage;
    this.#model = plan.model;
    this.#acts = plan.performers.map((performer) => ({
      performer,
      skipped: null,
      isDeadly: false,
      steps: [],
      tests: [],
    }));
  }

  async all(): Promise<Rehearsal> {
    const unstableTests = await this.#testBefore();
    for (const act of this.#acts) {
      act.skipped = await this.#obstacle(act);
      if (act.skipped !== null) continue;
      this.#tell(`${this.#plan.action} ${nameText(act.performer.name)}`);
      if ((await this.#bringOn(act)) === 'not-applied') continue;
      this.#applied.push(act);
      await this.#testWith(act);
    }
    await this.#takeOffAbove(null);
    return {
      payloads: this.#acts.map((act) => this.#result(act)),
      unstableTests,
      left: this.#isDead ? [] : await this.#left(),
    };
  }

  async deadly(performer: Performer): Promise<PayloadRehearsal> {
    const act = this.#actOf(performer.file);
    if (act === undefined) throw new RangeError(`${performer.file} is not in the plan`);
    for (const below of this.#below(act)) await this.#bringOn(below);
    act.isDeadly = true;
    await this.#bringOn(act, true);
    return this.#result(act);
  }

  #actOf(file: string | null): Act | undefined {
    return this.#acts.find(({ performer }) => performer.file === file);
  }

  /** What it depends on, the lowest first. */
  #below({ performer }: Act): readonly Act[] {
    const parent = this.#plan.action === 'apply' ? this.#actOf(performer.parent) : undefined;
    return parent === undefined ? [] : [...this.#below(parent), parent];
  }

  /** Takes off what is above its parent; why it cannot be tried, in words, or null. */
  async #obstacle({ performer }: Act): Promise<string | null> {
    const died = 'Xen died before';
    if (this.#isDead) return died;
    const parent = this.#plan.action === 'apply' ? performer.parent : null;
    const isOn = (file: string) => this.#applied.some((act) => act.performer.file === file);
    if (parent !== null && !isOn(parent)) return `${parent}, which it depends on, is not applied`;
    const stays = await this.#takeOffAbove(parent);
    if (this.#isDead) return died;
    return stays === null ? null : `${stays.performer.file} cannot be taken off`;
  }

  /** Takes off what is applied above this file; null where that is all. What stays, or null. */
  async #takeOffAbove(file: string | null): Promise<Act | null> {
    for (let top = this.#applied.at(-1); top !== undefined; top = this.#applied.at(-1)) {
      if (top.performer.file === file) return null;
      if (this.#isDead || this.#stuck === top || !(await this.#takeOff(top))) {
        this.#stuck = top;
        return top;
      }
      this.#applied.pop();
    }
    return null;
  }

  #result({ performer, skipped, isDeadly, steps, tests }: Act): PayloadRehearsal {
    const { file, name } = performer;
    const named = tests.map(
      (test, index): TestRehearsal => ({ test: this.#plan.tests[index] ?? '', ...test }),
    );
    return { file, name, skipped, isDeadly, steps, tests: named };
  }

  /** Loads and applies it; what stays loaded is applied, else it is unloaded. */
  async #bringOn(act: Act, evenIfDeadly = false): Promise<Applied> {
    const { name, bytes } = act.performer;
    const { action } = this.#plan;
    const uploaded = await this.#step(act, 'upload', evenIfDeadly, (model) =>
      upload(model, name, bytes),
    );
    if (uploaded !== 'accepted') return 'not-applied';
    if (this.#isAgainstVerdict(act)) {
      await this.#takeAway(name);
      return 'not-applied';
    }
    const acted = await this.#step(act, action, evenIfDeadly, (model) =>
      action === 'apply' ? apply(model, name, { nodeps: false }) : replace(model, name),
    );
    if (acted === 'accepted') {
      if (!this.#isAgainstVerdict(act)) return 'applied';
      await this.#takeAway(name);
      return 'not-applied';
    }
    if (!this.#isDead) await this.#step(act, 'unload', false, (model) => unload(model, name));
    return 'not-applied';
  }

  /** Xen did last what it was said not to do: the model knows nothing of it, and no verdict would be right with it. */
  #isAgainstVerdict({ steps }: Act): boolean {
    return steps.at(-1)?.expected.outcome !== 'accepted';
  }

  /** Has Xen without it, as the model is; whatever does not work shows at the end. */
  async #takeAway(name: string): Promise<void> {
    const { port } = this.#stage;
    const options = { timeoutNs: TIMEOUT_NS, nodeps: false };
    for (const action of ['REVERT', 'UNLOAD'] as const) await port.act(name, action, options);
  }

  /** Reverts and unloads it; false where it stays. */
  async #takeOff(act: Act): Promise<boolean> {
    const { name } = act.performer;
    this.#tell(`revert ${nameText(name)}`);
    if ((await this.#step(act, 'revert', false, (model) => revert(model, name))) !== 'accepted') {
      return false;
    }
    await this.#testAfter(act);
    const unloaded = await this.#step(act, 'unload', false, (model) => unload(model, name));
    return unloaded === 'accepted';
  }

  /**
   * Does it and compares. The model follows what Xen did, where the rules know a way to; null where it was not done, since
   * its verdict is fatal.
   */
  async #step(
    act: Act,
    operation: Operation,
    evenIfDeadly: boolean,
    predict: (model: Model) => Answer,
  ): Promise<Seen['outcome'] | null> {
    if (this.#isDead) return null;
    const { model, verdict } = predict(this.#model);
    // What depends on the processor may kill it too.
    const isDeadly = verdict.outcome.outcome === 'fatal' || verdict.strayWrites !== undefined;
    if (isDeadly) act.isDeadly = true;
    if (isDeadly && !evenIfDeadly) {
      act.skipped = 'its verdict is fatal, or may be';
      return null;
    }
    const started = performance.now();
    const answer = await this.#ask(act, operation, verdict);
    if (answer === null) return null;
    const seen = 'outcome' in answer ? answer : seenOf(answer);
    const elapsedMs = 'elapsedMs' in answer ? answer.elapsedMs : performance.now() - started;
    const difference = differenceOf(operation, verdict, seen, this.#plan.areLinesCompared);
    const expected = answerOf(operation, verdict);
    act.steps.push({ operation, expected, seen, difference, elapsedMs });
    // A refusal is remembered too. Where they differ, Xen is brought to where the model is.
    const isAccepted = (one: string) => one === 'accepted';
    if (isAccepted(seen.outcome) === isAccepted(verdict.outcome.outcome)) this.#model = model;
    return seen.outcome;
  }

  /** Null where this program cannot ask such a thing. */
  async #ask(
    act: Act,
    operation: Operation,
    verdict: Verdict,
  ): Promise<OperationResult | Seen | null> {
    const { name, bytes } = act.performer;
    const { port } = this.#stage;
    const options = { timeoutNs: TIMEOUT_NS, nodeps: false };
    for (let tries = 1; ; tries++) {
      try {
        const answer =
          operation === 'upload'
            ? await port.upload(name, bytes)
            : await port.act(name, operation.toUpperCase() as Action, options);
        const { hypercallRc, payloadRc } = answer;
        const busy = -XEN_ERRNO.EBUSY;
        const isBusy = hypercallRc === busy || payloadRc === busy;
        if (!isBusy || verdict.outcome.outcome !== 'accepted') return answer;
        // Xen has done nothing. Else its hooks may have run already: it is not asked again.
        if (hypercallRc !== busy || tries === MOST_TRIES)
          return { ...seenOf(answer), outcome: 'busy' };
        await pause(PAUSE_MS);
      } catch (error) {
        return this.#failed(act, error);
      }
    }
  }

  /** What it means that there is no answer. */
  #failed(act: Act, error: unknown): Seen | null {
    if (!(error instanceof XspliceError)) throw error;
    const end = this.#stage.end();
    const nothing = { errno: null, hypercallRc: null, payloadRc: null, log: [] };
    if (end?.kind === 'died') {
      this.#isDead = true;
      return { outcome: 'fatal', cause: end.reason, ...nothing };
    }
    if (end !== null)
      throw new XspliceError('rehearsal-lost', `What Xen ran in ended: ${end.reason}`);
    if (error.code === 'agent-lost') {
      this.#isDead = true;
      return { outcome: 'fatal', cause: `no answer any more (${error.message})`, ...nothing };
    }
    if (error.code !== 'payload-bad-name') throw error;
    act.skipped = error.message;
    return null;
  }

  async #testBefore(): Promise<readonly string[]> {
    this.#last = await this.#runTests();
    const hanging = this.#last.findIndex(({ status }) => status === null);
    if (hanging >= 0) {
      const limit = `${this.#plan.testLimitMs / 1000} s`;
      throw new XspliceError(
        'test-not-run',
        `${this.#plan.tests[hanging]} did not end within ${limit}, before anything was loaded`,
      );
    }
    const again = await this.#runTests();
    return this.#plan.tests.filter((_, index) => {
      const [one, two] = [this.#last[index], again[index]];
      return one !== undefined && two !== undefined && !isSameRun(one, two);
    });
  }

  async #testWith(act: Act): Promise<void> {
    const before = this.#last;
    const now = await this.#testing();
    if (now === null) return;
    act.tests.push(
      ...now.flatMap((run, index) => {
        const one = before[index];
        return one === undefined ? [] : [{ before: one, with: run, after: null }];
      }),
    );
    this.#last = now;
  }

  async #testAfter(act: Act): Promise<void> {
    const now = await this.#testing();
    if (now === null) return;
    for (const [index, test] of act.tests.entries()) test.after = now[index] ?? null;
    this.#last = now;
  }

  /** Null where Xen dies of it. */
  async #testing(): Promise<readonly TestRun[] | null> {
    if (this.#isDead) return null;
    try {
      return await this.#runTests();
    } catch (error) {
      if (this.#stage.end()?.kind !== 'died') throw error;
      this.#isDead = true;
      return null;
    }
  }

  async #runTests(): Promise<readonly TestRun[]> {
    const runs: TestRun[] = [];
    for (const [index, test] of this.#plan.tests.entries()) {
      this.#tell(`test ${test}`);
      runs.push(await this.#stage.runTest(index, this.#plan.testLimitMs));
    }
    return runs;
  }

  async #left(): Promise<readonly string[]> {
    const { payloads } = await this.#stage.port.observe();
    return payloads.map(({ name }) => name);
  }

  #tell(what: string): void {
    this.#plan.onProgress?.(what);
  }
}
