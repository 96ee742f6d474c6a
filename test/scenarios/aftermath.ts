import assert from 'node:assert/strict';
import { type ExecutionReport, executePlan } from '../../core/change/index.js';
import type { Action, ActionOptions, HypervisorPort } from '../../core/hypervisor/index.js';
import { contentsOf, inputFile, readPayloadInputs } from '../../core/payload/index.js';
import { planApply, type Step } from '../../core/stack/index.js';
import { ThrowingPort, WAYS, type Way } from '../support/throwing-port.js';
import { PATIENT, runTo } from './program.js';
import { type Dom0, needs, type Scenario } from './scenario.js';

/** What --json says of a change that failed, as far as it is looked at here. */
interface Failed {
  readonly ok: boolean;
  readonly error: { readonly code: string; readonly message: string };
  readonly findings: readonly { readonly code: string }[];
  readonly execution: {
    readonly outcome: ExecutionReport['outcome'];
    readonly asItWas: boolean;
    readonly lost: readonly { readonly name: string }[];
  };
}

async function failing(...args: readonly string[]) {
  const { stdout } = await runTo(1, ...args, '--json', ...PATIENT);
  const { ok, error, findings, execution }: Failed = JSON.parse(stdout);
  const { outcome, asItWas, lost } = execution;
  assert.equal(ok, false);
  const codes = findings.map(({ code }) => code);
  return { error, codes, outcome, asItWas, lost: lost.map(({ name }) => name) };
}

/** Too short for any two CPUs to meet. */
const NO_TIME_NS = 1000;

/** The port with an action that has no time to succeed, and how often it was asked for. */
function hurried(port: HypervisorPort, hurriedAction: Action) {
  const asked: Action[] = [];
  const act = (name: string, action: Action, options: ActionOptions) => {
    asked.push(action);
    const timeoutNs = action === hurriedAction ? NO_TIME_NS : options.timeoutNs;
    return port.act(name, action, { ...options, timeoutNs });
  };
  const { host } = port;
  const hurriedPort: HypervisorPort = {
    host,
    observe: () => port.observe(),
    upload: (name, bytes) => port.upload(name, bytes),
    act,
    exclusive: (run) => port.exclusive(run),
    close: () => port.close(),
  };
  return { port: hurriedPort, times: () => asked.filter((a) => a === hurriedAction).length };
}

const OPTIONS = { timeoutNs: 1_000_000_000, keepGoing: false, retries: 5 } as const;

/** A plan to apply these members, each of whose steps is changed. */
async function planFor(dom0: Dom0, members: readonly string[], change = (step: Step) => step) {
  const inputs = members.map((name) => inputFile(dom0.family.path(name), dom0.family.bytes(name)));
  const payloads = readPayloadInputs(inputs).map(({ planned }) => planned);
  const plan = planApply(await dom0.port.observe(), payloads, { host: dom0.port.host });
  return { plan: { ...plan, steps: plan.steps.map(change) }, contents: contentsOf(inputs) };
}

/** More calls than a plan of two payloads makes. */
const MOST_CALLS = 40;
const THROWN = ['hello', 'bye'];

/** Each call throws in turn: whatever is reported is true. Gives the number of calls. */
async function throwAtEach(dom0: Dom0, way: Way): Promise<number> {
  for (let at = 1; at <= MOST_CALLS; at++) {
    await dom0.clear();
    const { plan, contents } = await planFor(dom0, THROWN);
    const thrower = new ThrowingPort(dom0.port, at, way);
    const report = await executePlan(thrower, plan, contents, OPTIONS).catch(() => null);
    const there = await dom0.port.observe();
    const place = `${way} at call ${at} (${thrower.thrownIn})`;
    if (report === null) {
      assert.equal(thrower.changes, 0, `${place}: something was changed, and there is no report`);
      assert.deepEqual(there.payloads, [], place);
      continue;
    }
    if (thrower.thrownIn === null) return at - 1;
    if (report.after !== null) {
      const states = (payloads: typeof there.payloads) =>
        payloads.map(({ name, state }) => `${name} ${state}`);
      assert.deepEqual(states(report.after.payloads), states(there.payloads), place);
    }
    if (report.outcome === 'taken-back') assert.deepEqual(there.payloads, [], place);
    if (report.outcome === 'done') assert.deepEqual(await dom0.stack(), THROWN, place);
  }
  assert.fail('the plan has no end');
}

/** What is said after a step that failed is what is true. */
export const AFTERMATH_SCENARIOS: readonly Scenario[] = [
  {
    name: 'aftermath: what a REPLACE reverted before it failed is applied again (defect 1)',
    notFor: needs('noapply'),
    run: async (dom0) => {
      await dom0.load('hello');
      await dom0.load('bye');
      const { error, outcome, lost } = await failing('replace', dom0.family.path('noapply'));
      assert.deepEqual([error.code, outcome, lost], ['refused', 'taken-back', []]);
      assert.deepEqual(await dom0.stack(), ['hello', 'bye']);
      assert.equal(await dom0.extraVersion(), '-bye');
    },
  },
  {
    name: 'aftermath: what a REPLACE reverted and Xen does not apply again is told as a loss (defect 1)',
    notFor: needs('noapply', 'data'),
    run: async (dom0) => {
      await dom0.load('data');
      const { error, outcome, lost } = await failing('replace', dom0.family.path('noapply'));
      assert.deepEqual([error.code, outcome, lost], ['payload-lost', 'lost', ['data']]);
      assert.match(error.message, /lost: data is no longer applied, the host runs without it/);
      assert.deepEqual(await dom0.stack(), []);
      assert.doesNotMatch(await dom0.extraVersion(), /data/);
      await runTo(0, 'apply', dom0.family.path('data'), ...PATIENT);
      assert.deepEqual(await dom0.stack(), ['data'], 'as the hint says');
    },
  },
  {
    name: 'aftermath: an assumption that was announced and does not hold is no divergence (defect 4)',
    notFor: needs('noapply'),
    run: async (dom0) => {
      const { error, codes, outcome, asItWas } = await failing(
        'apply',
        dom0.family.path('noapply'),
      );
      assert.deepEqual([outcome, asItWas], ['taken-back', true], error.message);
      assert.ok(codes.includes('assumption-failed'), codes.join());
      assert.ok(!codes.includes('divergence'), codes.join());
      assert.deepEqual((await dom0.port.observe()).payloads, []);
    },
  },
  {
    name: 'aftermath: a payload whose revert hook fails stays, and it is said so',
    notFor: needs('norevert'),
    run: async (dom0) => {
      await dom0.load('norevert');
      const { error, outcome, asItWas, lost } = await failing('revert');
      assert.deepEqual([outcome, asItWas, lost], ['taken-back', true, []]);
      assert.match(error.message, /EINVAL/);
      assert.deepEqual(await dom0.stack(), ['norevert']);
      assert.equal(await dom0.extraVersion(), '-norevert');
      await runTo(0, 'revert', ...PATIENT);
      assert.deepEqual(await dom0.stack(), []);
    },
  },
  {
    name: 'aftermath: a prerevert hook that says no is asked once',
    notFor: needs('veto-prerevert'),
    run: async (dom0) => {
      await dom0.load('veto-prerevert');
      const { error, outcome } = await failing('revert');
      assert.equal(outcome, 'taken-back');
      assert.match(error.message, /EINVAL/);
      // It says no only once: had it been asked again, the payload were gone.
      assert.deepEqual(await dom0.stack(), ['veto-prerevert']);
    },
  },
  {
    name: 'aftermath: CPUs that do not meet after a preapply hook ran: it is not run again (defect 2)',
    notFor: needs('hook-preapply'),
    run: async (dom0) => {
      const { plan, contents } = await planFor(dom0, ['hook-preapply'], (step) =>
        step.action === 'apply' ? { ...step, hooksFirst: ['preapply'] } : step,
      );
      const { port, times } = hurried(dom0.port, 'APPLY');
      const { steps, outcome, asItWas } = await executePlan(port, plan, contents, OPTIONS);
      const apply = steps.find(({ step }) => step.action === 'apply');
      assert.ok(apply?.result);
      assert.deepEqual([apply.status, apply.attempts, times()], ['busy', 1, 1]);
      dom0.expect(apply.result, [0, -16]);
      dom0.expectLog(apply.result, /: Calling pre-apply hook function$/);
      assert.deepEqual([outcome, asItWas], ['taken-back', true]);
      assert.deepEqual((await dom0.port.observe()).payloads, []);
    },
  },
  {
    name: 'aftermath: CPUs that do not meet without such a hook: it is tried again',
    run: async (dom0) => {
      const { plan, contents } = await planFor(dom0, ['hello']);
      const { port, times } = hurried(dom0.port, 'APPLY');
      const { steps } = await executePlan(port, plan, contents, OPTIONS);
      const apply = steps.find(({ step }) => step.action === 'apply');
      assert.deepEqual([apply?.status, times()], ['busy', OPTIONS.retries + 1]);
      assert.deepEqual((await dom0.port.observe()).payloads, []);
    },
  },
  ...WAYS.map(
    (way): Scenario => ({
      name: `aftermath: a port that throws at each call, ${way} (R4)`,
      run: async (dom0) => {
        const calls = await throwAtEach(dom0, way);
        dom0.notes.push(`${calls} calls`);
      },
    }),
  ),
];
