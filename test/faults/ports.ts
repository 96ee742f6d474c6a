import { readFileSync } from 'node:fs';
import { type ExecutionReport, executePlan } from '../../core/change/index.js';
import { modelFromImage } from '../../core/host/index.js';
import { MemoryStore, ModelPort } from '../../core/hypervisor/embedded/index.js';
import { type Snapshot, stackOf } from '../../core/hypervisor/index.js';
import { readImage } from '../../core/image/index.js';
import { contentsOf, type InputFile, inputFile, readInputs } from '../../core/payload/index.js';
import type { PlanPayload } from '../../core/payload/plan-payload.js';
import { type Plan, planApply, planReplace, planRevert } from '../../core/stack/index.js';
import { CHAIN, DEMO_IMAGE, demo } from '../support/cli.js';
import { ThrowingPort, WAYS, type Way } from '../support/throwing-port.js';
import type { Fault, Part, Trial } from './trial.js';
import { type Truth, truthIn } from './truth.js';

/** A plan on a hypervisor in memory. */
interface Case {
  readonly name: string;
  /** Files that are applied before. */
  readonly applied: readonly string[];
  readonly files: readonly string[];
  readonly plan: (snapshot: Snapshot, payloads: readonly PlanPayload[], options: Options) => Plan;
}

type Options = Parameters<typeof planApply>[2];

const CASES: readonly Case[] = [
  { name: 'apply5', applied: [], files: CHAIN, plan: planApply },
  {
    name: 'revert',
    applied: CHAIN,
    files: [],
    plan: (snapshot, _, options) => planRevert(snapshot, { to: 'base' }, options),
  },
  {
    name: 'replace',
    applied: CHAIN.slice(0, 2),
    files: [demo('replace')],
    plan: (snapshot, payloads, options) => planReplace(snapshot, first(payloads), options),
  },
];

/** More calls than any plan of these makes. */
const MOST_CALLS = 200;
const EXECUTION = { timeoutNs: 0, keepGoing: false, retries: 1 };

/** Each call of the executor on its hypervisor throws: it reports all the same, and what it says is true. */
export const ports: Part = async ({ only, at, how }) => {
  const trials: Trial[] = [];
  for (const one of CASES) {
    const row = `ports ${one.name}`;
    if (!row.includes(only)) continue;
    for (const way of WAYS) {
      if (how !== null && how !== way) continue;
      for (let call = 1; call <= MOST_CALLS; call++) {
        const faults = await throwAt(one, call, way);
        if (faults === null) break;
        if (at !== null && at !== call) continue;
        const again = `--part ports --only "${row}" --at ${call} --how ${way}`;
        trials.push({ row, faults, again });
      }
    }
  }
  return trials;
};

/** Null where the plan needs fewer calls. */
async function throwAt(one: Case, at: number, way: Way): Promise<readonly Fault[] | null> {
  const inputs = [...one.applied, ...one.files].map((file) => inputFile(file, readFileSync(file)));
  const { store, port } = await hypervisor(inputs.slice(0, one.applied.length));
  const before = await truth(store, port);
  const payloads = readInputs(inputs.slice(one.applied.length)).payloads;
  const planned = payloads.map((payload) => payload.planned);
  const plan = one.plan(await port.observe(), planned, { host: port.host });
  const thrower = new ThrowingPort(port, at, way);
  const place = () =>
    `${way} ${thrower.thrownIn}, ${thrower.changes > 0 ? 'in the middle' : 'first'}`;
  let report: ExecutionReport;
  try {
    report = await executePlan(thrower, plan, contentsOf(inputs), EXECUTION);
  } catch {
    const now = await truth(store, port);
    // Where nothing was begun, there is nothing to report but the error.
    if (thrower.changes === 0 && now.print === before.print) return [];
    return [
      { wrong: 'false report', what: 'the executor throws and reports nothing', place: place() },
    ];
  }
  if (thrower.thrownIn === null) return null;
  const faults = judge(report, before, await truth(store, port));
  return faults.map((fault) => ({ ...fault, place: place() }));
}

function judge(report: ExecutionReport, before: Truth, now: Truth): readonly Fault[] {
  const { outcome } = report;
  // Null is an honest answer of one that could not look.
  const after: Snapshot | null = report.after;
  const faults: Fault[] = [];
  if (outcome === 'taken-back' && now.print !== before.print) {
    faults.push({ wrong: 'false report', what: 'taken back, it says, and it is not' });
  }
  if (outcome === 'done' && report.steps.some(({ status }) => status === 'failed')) {
    faults.push({ wrong: 'false report', what: 'done, it says, with a failed step' });
  }
  if (after !== null && namesOf(after) !== now.applied.join()) {
    faults.push({ wrong: 'false report', what: 'it names another stack than there is' });
  }
  return faults;
}

async function hypervisor(
  applied: readonly InputFile[],
): Promise<{ readonly store: MemoryStore; readonly port: ModelPort }> {
  const { model, version } = modelFromImage(readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE), null);
  const store = new MemoryStore(model, version);
  const port = new ModelPort(
    { spec: 'embedded:memory', tellsReverted: true, tellsPlaces: true },
    store,
  );
  if (applied.length > 0) {
    const payloads = readInputs(applied).payloads.map(({ planned }) => planned);
    const plan = planApply(await port.observe(), payloads, { host: port.host });
    const { outcome } = await executePlan(port, plan, contentsOf(applied), EXECUTION);
    if (outcome !== 'done') throw new Error(`the state before cannot be made: ${outcome}`);
  }
  return { store, port };
}

async function truth(store: MemoryStore, port: ModelPort): Promise<Truth> {
  return truthIn(await store.read(), await port.observe());
}

function namesOf(snapshot: Snapshot): string {
  return stackOf(snapshot)
    .map(({ name }) => name)
    .join();
}

function first(payloads: readonly PlanPayload[]): PlanPayload {
  const [payload] = payloads;
  if (payload === undefined) throw new Error('no payload');
  return payload;
}
