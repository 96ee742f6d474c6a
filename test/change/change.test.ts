import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ChangeOptions, type ChangeRequest, change } from '../../core/change/index.js';
import { XspliceError } from '../../core/findings/index.js';
import { fingerprintOf } from '../../core/hypervisor/index.js';
import type { PayloadInput } from '../../core/payload/index.js';
import { demo } from '../support/cli.js';
import { demoHost, inputsOf } from '../support/demo-host.js';

const yes: ChangeOptions = { confirm: async () => true };
const several = (...names: readonly string[]) => inputsOf(...names.map(demo));
function one(name: string): PayloadInput {
  const [payload] = several(name);
  assert.ok(payload);
  return payload;
}
const apply = (...names: readonly string[]): ChangeRequest => ({
  verb: 'apply',
  payloads: several(...names),
  check: 'build-id',
  nodeps: false,
});

/** Each kind of request, on a hypervisor with `on` applied. */
const KINDS: readonly {
  readonly what: string;
  readonly on: readonly string[];
  readonly request: ChangeRequest;
  readonly steps: readonly string[];
  readonly after: readonly string[];
}[] = [
  {
    what: 'applies files in their order',
    on: [],
    request: apply('bye', 'hello'),
    steps: ['upload hello', 'upload bye', 'apply hello', 'apply bye'],
    after: ['hello APPLIED', 'bye APPLIED'],
  },
  {
    what: 'applies without comparing parents',
    on: ['independent-a'],
    request: { verb: 'apply', payloads: several('independent-b'), check: 'build-id', nodeps: true },
    steps: ['upload independent-b', 'apply independent-b NODEPS'],
    after: ['independent-a APPLIED', 'independent-b APPLIED'],
  },
  {
    what: 'applies what a comparison of code lets pass',
    on: ['independent-a'],
    request: {
      verb: 'apply',
      payloads: several('independent-b'),
      check: 'old-code',
      nodeps: false,
    },
    steps: ['upload independent-b', 'apply independent-b NODEPS'],
    after: ['independent-a APPLIED', 'independent-b APPLIED'],
  },
  {
    what: 'loads one file',
    on: ['hello'],
    request: { verb: 'load', payload: one('bye'), check: 'build-id', nodeps: false },
    steps: ['upload bye', 'apply bye'],
    after: ['hello APPLIED', 'bye APPLIED'],
  },
  {
    what: 'uploads',
    on: [],
    request: { verb: 'upload', payloads: several('hello') },
    steps: ['upload hello'],
    after: ['hello CHECKED'],
  },
  {
    what: 'replaces all by one',
    on: ['hello', 'bye'],
    request: { verb: 'replace', payload: one('replace'), check: 'build-id' },
    steps: ['upload replace', 'replace replace'],
    after: ['hello CHECKED', 'bye CHECKED', 'replace APPLIED'],
  },
  {
    what: 'reverts the top',
    on: ['hello', 'bye'],
    request: { verb: 'revert', to: null },
    steps: ['revert bye'],
    after: ['hello APPLIED', 'bye CHECKED'],
  },
  {
    what: 'reverts to the base',
    on: ['hello', 'bye'],
    request: { verb: 'revert', to: 'base' },
    steps: ['revert bye', 'revert hello'],
    after: ['hello CHECKED', 'bye CHECKED'],
  },
  {
    what: 'takes one out of the middle',
    on: ['independent-a', 'independent-b'],
    request: { verb: 'revert-one', name: 'independent-a', payloads: [], check: 'old-code' },
    steps: ['revert independent-b', 'revert independent-a', 'apply independent-b'],
    after: ['independent-a CHECKED', 'independent-b APPLIED'],
  },
];

describe('change', () => {
  for (const { what, on, request, steps, after } of KINDS) {
    it(what, async () => {
      const host = demoHost(...on);
      const report = await change(host, request, yes);
      assert.equal(report.failure, null);
      assert.deepEqual(
        report.plan?.steps.map(
          ({ action, name, nodeps }) => `${action} ${name}${nodeps === true ? ' NODEPS' : ''}`,
        ),
        steps,
      );
      assert.deepEqual(await host.loaded(), after);
      const { execution, verification } = report;
      assert.equal(execution?.outcome, 'done');
      assert.ok(verification !== null && 'predictions' in verification && verification.ok);
      assert.deepEqual(report.divergences, []);
      assert.ok(report.elapsedMs !== null && report.elapsedMs >= 0);
      assert.equal(host.copies(), 1, 'the copy is made once a run');
    });
  }

  it('applies what is loaded, and unloads what is not applied', async () => {
    const host = demoHost();
    await change(host, { verb: 'upload', payloads: several('hello', 'independent-a') }, yes);
    await change(host, { verb: 'apply-loaded', names: ['hello'], nodeps: false }, yes);
    assert.deepEqual(await host.loaded(), ['hello APPLIED', 'independent-a CHECKED']);
    await change(host, { verb: 'unload', names: ['independent-a'] }, yes);
    assert.deepEqual(await host.loaded(), ['hello APPLIED']);
  });

  it('asks with the verified plan in hand, and changes nothing unless the answer is yes', async () => {
    const host = demoHost();
    const before = fingerprintOf(await host.port.observe());
    let planned: readonly string[] = [];
    const report = await change(host, apply('hello'), {
      confirm: async ({ plan, verification }) => {
        planned = plan?.steps.map(({ action }) => action) ?? [];
        assert.ok(verification !== null && 'predictions' in verification && verification.ok);
        assert.deepEqual(await host.loaded(), []);
        return false;
      },
    });
    assert.deepEqual(planned, ['upload', 'apply']);
    assert.equal(report.failure?.code, 'declined');
    assert.equal(report.execution, null);
    assert.equal(fingerprintOf(await host.port.observe()), before);
  });

  it('throws what the question throws, with nothing changed', async () => {
    const host = demoHost();
    const confirm = () => Promise.reject(new Error('nobody to ask'));
    await assert.rejects(change(host, apply('hello'), { confirm }), /nobody to ask/);
    assert.deepEqual(await host.loaded(), []);
  });

  for (const [what, options] of [
    ['a dry run', { ...yes, dryRun: true }],
    ['a run without a question', {}],
  ] as const) {
    it(`plans and verifies in ${what}, and changes nothing`, async () => {
      const host = demoHost();
      const report = await change(host, apply('hello'), options);
      assert.equal(report.failure, null);
      assert.equal(report.execution, null);
      assert.equal(report.elapsedMs, null);
      assert.equal(report.plan?.steps.length, 2);
      assert.deepEqual(await host.loaded(), []);
    });
  }

  it('does not ask where there is nothing to do', async () => {
    const host = demoHost('hello');
    const confirm = () => Promise.reject(new Error('asked'));
    const report = await change(host, apply('hello'), { confirm });
    assert.equal(report.failure, null);
    assert.equal(report.verification, null);
    assert.equal(host.copies(), 0);
  });

  it('does not ask for what Xen would refuse: the refusal is in the report', async () => {
    const host = demoHost();
    const confirm = () => Promise.reject(new Error('asked'));
    const report = await change(host, apply('unknown-import'), { confirm });
    assert.equal(report.failure?.code, 'would-be-refused');
    assert.equal(report.failure.findings[0]?.stage, 'symbol-resolution');
    assert.equal(report.execution, null);
    assert.deepEqual(await host.loaded(), []);
  });

  it('reports what a guard compared where it does not let a payload pass', async () => {
    const host = demoHost('callee-fix');
    const payloads = several('caller-fix');
    const request = { verb: 'apply', payloads, check: 'old-code', nodeps: false } as const;
    const report = await change(host, request, yes);
    assert.equal(report.plan, null);
    assert.ok(report.failure !== null && report.failure.findings.length > 0);
    assert.deepEqual(
      report.guard?.payloads.map(({ name, passes }) => [name, passes]),
      [['caller-fix', false]],
    );
    assert.deepEqual(await host.loaded(), ['callee-fix APPLIED']);
  });

  it('throws where it cannot be planned', async () => {
    const host = demoHost();
    await assert.rejects(
      change(host, apply('chain-02'), yes),
      (error) => error instanceof XspliceError && error.code === 'does-not-attach',
    );
  });

  it('stops between two steps when it is told to, and takes back what was done', async () => {
    const host = demoHost();
    const before = fingerprintOf(await host.port.observe());
    const stop = new AbortController();
    const undone: string[] = [];
    const report = await change(host, apply('hello', 'bye'), {
      ...yes,
      signal: stop.signal,
      onProgress: ({ kind, step }) => {
        if (kind === 'end' && step.action === 'apply') stop.abort();
        if (kind === 'undo') undone.push(`${step.action} ${step.name}`);
      },
    });
    assert.equal(report.failure?.code, 'interrupted');
    assert.equal(report.execution?.outcome, 'taken-back');
    assert.deepEqual(undone, ['revert hello', 'unload bye', 'unload hello']);
    assert.equal(fingerprintOf(await host.port.observe()), before);
  });
});
