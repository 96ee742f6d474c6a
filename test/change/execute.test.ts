import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BuildId, buildIdFromBytes } from '../../core/abi/ids.js';
import { executePlan } from '../../core/change/execute.js';
import type { ExecutionOptions } from '../../core/change/execution-options.js';
import { checkTakeBack, undoStep } from '../../core/change/undo.js';
import { SHF } from '../../core/elf/constants.js';
import { XspliceError } from '../../core/findings/index.js';
import { sha256Of } from '../../core/hypervisor/embedded/blobs.js';
import { MemoryStore, ModelPort } from '../../core/hypervisor/embedded/model-port.js';
import type { HypervisorPort, OperationResult } from '../../core/hypervisor/port.js';
import { makePlan } from '../../core/stack/make-plan.js';
import type { Plan, Step } from '../../core/stack/plan.js';
import { idBytes } from '../support/payload-builder.js';
import { HOST } from '../support/stack-builders.js';
import { tinyChain, tinyModel, XEN_ID } from '../support/tiny-model.js';

const DEFAULTS: ExecutionOptions = { timeoutNs: 0, keepGoing: false, retries: 3 };
const idOfStep = (i: number): BuildId => buildIdFromBytes(i === 0 ? XEN_ID : idBytes(i));

/** Three payloads in a chain, without symbols that collide. */
const chain = tinyChain(3).map(({ name, bytes }, i) => ({ name, bytes: ownStrings(bytes, i) }));
const contents = new Map(chain.map(({ bytes }) => [sha256Of(bytes), bytes]));

function ownStrings(bytes: Uint8Array, index: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(Buffer.from(`string${index}`), Buffer.from(bytes).indexOf('strings\0'));
  return copy;
}

function stepFor(index: number, action: Step['action'], extra: Partial<Step> = {}): Step {
  const payload = chain[index];
  assert.ok(payload);
  const file = action === 'upload' ? { file: payload.name, sha256: sha256Of(payload.bytes) } : {};
  const ids = { buildId: idOfStep(index + 1), depends: idOfStep(index) };
  return { action, name: payload.name, ...ids, ...file, reason: 'a test', ...extra };
}

const load = (count: number): Step[] => [
  ...Array.from({ length: count }, (_, i) => stepFor(i, 'upload')),
  ...Array.from({ length: count }, (_, i) => stepFor(i, 'apply')),
];

function modelPort(release = '4.17.7'): ModelPort {
  return new ModelPort(HOST, new MemoryStore(tinyModel(release), release));
}

type ScriptedAnswer = Partial<OperationResult> | undefined;

/** A port that asks the rules unless the script, which may do things of its own, has an answer. */
function scripted(
  port: HypervisorPort,
  script: (name: string, action: string) => ScriptedAnswer | Promise<ScriptedAnswer>,
): HypervisorPort & { readonly calls: string[] } {
  const calls: string[] = [];
  const answer = async (name: string, action: string) => {
    calls.push(`${action} ${name}`);
    const own = await script(name, action);
    return own && { hypercallRc: 0, payloadRc: 0, log: [], elapsedMs: 0, ...own };
  };
  return {
    host: port.host,
    calls,
    observe: () => port.observe(),
    upload: async (name, bytes) => (await answer(name, 'UPLOAD')) ?? port.upload(name, bytes),
    act: async (name, action, options) =>
      (await answer(name, options.nodeps ? `${action} NODEPS` : action)) ??
      port.act(name, action, options),
    exclusive: (run) => port.exclusive(run),
    close: () => port.close(),
  };
}

async function planFor(port: HypervisorPort, steps: readonly Step[]): Promise<Plan> {
  // No planner makes some of these: what is tested is what becomes of a plan that the hypervisor refuses.
  return { ...makePlan('apply', await port.observe(), { host: HOST }, []), steps };
}

async function run(port: HypervisorPort, steps: readonly Step[], options = {}) {
  return executePlan(port, await planFor(port, steps), contents, { ...DEFAULTS, ...options });
}

async function stack(port: HypervisorPort) {
  const { payloads } = await port.observe();
  return payloads.map(({ name, state }) => `${name} ${state}`);
}

describe('executePlan', () => {
  it('does the steps in order and reports what is there then', async () => {
    const port = modelPort();
    const events: string[] = [];
    const report = await run(port, load(3), {
      onProgress: ({ kind, index, total }: { kind: string; index: number; total: number }) =>
        events.push(`${kind} ${index}/${total}`),
    });
    assert.equal(report.outcome, 'done');
    assert.deepEqual(
      report.after?.payloads.map(({ position }) => position),
      [1, 2, 3],
    );
    assert.equal(events.length, 12);
    assert.deepEqual(events.slice(0, 2), ['begin 0/6', 'end 0/6']);
  });

  it('takes back what was done when a step fails', async () => {
    const inner = modelPort();
    const before = await inner.observe();
    const port = scripted(inner, (name, action) =>
      name === 'p3' && action === 'APPLY' ? { hypercallRc: -22 } : undefined,
    );
    const report = await run(port, load(3));
    assert.equal(report.outcome, 'taken-back');
    assert.deepEqual(
      report.undone.map(({ step }) => `${step.action} ${step.name}`),
      ['revert p2', 'revert p1', 'unload p3', 'unload p2', 'unload p1'],
    );
    assert.deepEqual(await inner.observe(), before);
    assert.equal(report.steps.at(-1)?.status, 'failed');
  });

  it('marks what was not tried', async () => {
    const port = scripted(modelPort(), (name) =>
      name === 'p1' ? { hypercallRc: -22 } : undefined,
    );
    const report = await run(port, load(2));
    assert.deepEqual(
      report.steps.map(({ status }) => status),
      ['failed', 'skipped', 'skipped', 'skipped'],
    );
    assert.deepEqual(port.calls, ['UPLOAD p1']);
  });

  it('with keepGoing leaves what was done and skips only what builds on the failure', async () => {
    const port = scripted(modelPort(), (name, action) =>
      name === 'p2' && action === 'APPLY' ? { hypercallRc: -22 } : undefined,
    );
    const report = await run(port, load(3), { keepGoing: true });
    assert.equal(report.outcome, 'partial');
    assert.deepEqual(
      report.steps.map(({ status }) => status),
      ['done', 'done', 'done', 'done', 'failed', 'skipped'],
    );
    assert.deepEqual(await stack(port), ['p1 APPLIED', 'p2 CHECKED', 'p3 CHECKED']);
  });

  it('repeats what was busy, by either answer, and says how often', async () => {
    const busy: Partial<OperationResult>[] = [{ hypercallRc: -16 }, { payloadRc: -16 }];
    const port = scripted(modelPort(), (_name, action) =>
      action === 'APPLY' ? busy.shift() : undefined,
    );
    const retries: number[] = [];
    const report = await run(port, load(1), {
      onProgress: ({ kind, pauseMs }: { kind: string; pauseMs?: number }) =>
        kind === 'retry' && retries.push(pauseMs ?? 0),
    });
    assert.equal(report.outcome, 'done');
    assert.equal(report.steps.at(-1)?.attempts, 3);
    assert.deepEqual(retries, [10, 20]);
  });

  it('gives up after the retries, and takes back', async () => {
    const port = scripted(modelPort(), (_name, action) =>
      action === 'APPLY' ? { payloadRc: -16 } : undefined,
    );
    const report = await run(port, load(1), { retries: 2 });
    assert.equal(report.steps.at(-1)?.status, 'busy');
    assert.equal(report.steps.at(-1)?.attempts, 3);
    assert.equal(report.outcome, 'taken-back');
    assert.deepEqual(await stack(port), []);
  });

  it('does not repeat a revert under another payload', async () => {
    const port = modelPort();
    await run(port, load(2));
    const report = await run(port, [stepFor(0, 'revert')]);
    assert.deepEqual([report.steps[0]?.status, report.steps[0]?.attempts], ['failed', 1]);
  });

  it('refuses a plan made from something else', async () => {
    const port = modelPort();
    const plan = await planFor(port, load(1));
    await run(port, load(1));
    await assert.rejects(executePlan(port, plan, contents, DEFAULTS), (error: unknown) => {
      return error instanceof XspliceError && error.code === 'stale-plan';
    });
  });

  it('stops between two steps when asked to, and takes back to the end', async () => {
    const controller = new AbortController();
    const port = scripted(modelPort(), (name, action) => {
      if (name === 'p1' && action === 'APPLY') controller.abort();
      return undefined;
    });
    const report = await run(port, load(2), { signal: controller.signal });
    assert.equal(report.interrupted, true);
    assert.equal(report.outcome, 'taken-back');
    assert.deepEqual(await stack(port), []);
  });

  it('hears a signal though the hypervisor answers at once', async () => {
    const controller = new AbortController();
    const onSignal = () => controller.abort();
    process.once('SIGUSR2', onSignal);
    const port = scripted(modelPort(), (name, action) => {
      if (name === 'p1' && action === 'APPLY') process.kill(process.pid, 'SIGUSR2');
      return undefined;
    });
    const report = await run(port, load(3), { signal: controller.signal });
    assert.equal(report.outcome, 'taken-back');
    assert.ok(!port.calls.includes('APPLY p3'), 'the last step was not reached');
  });

  it('is stuck where a replace would have to be taken back', async () => {
    const port = modelPort();
    const steps = [stepFor(0, 'upload'), stepFor(0, 'replace'), stepFor(2, 'apply')];
    const report = await run(port, steps);
    assert.equal(report.outcome, 'stuck');
    assert.deepEqual(await stack(port), ['p1 APPLIED']);
  });

  it('is stuck where taking back is refused', async () => {
    const port = scripted(modelPort(), (name, action) => {
      if (name === 'p2' && action === 'APPLY') return { hypercallRc: -22 };
      return action === 'REVERT' ? { hypercallRc: -16 } : undefined;
    });
    const report = await run(port, load(2), { retries: 0 });
    assert.equal(report.outcome, 'stuck');
    assert.deepEqual(
      report.undone.map(({ status }) => status),
      ['busy'],
    );
  });

  it('asks the hypervisor nothing for a step with nothing to do', async () => {
    const port = scripted(modelPort(), () => undefined);
    const report = await run(port, [stepFor(0, 'none')]);
    assert.deepEqual([report.outcome, port.calls], ['done', []]);
  });
});

describe('taking back a revert', () => {
  it('applies it again', async () => {
    const port = modelPort();
    await run(port, load(2));
    const report = await run(port, [stepFor(1, 'revert'), stepFor(2, 'revert', { name: 'gone' })]);
    assert.equal(report.outcome, 'taken-back');
    assert.deepEqual(await stack(port), ['p1 APPLIED', 'p2 APPLIED']);
  });

  it('with NODEPS where it was applied so', async () => {
    const port = scripted(modelPort(), () => undefined);
    const applied = [stepFor(1, 'upload'), stepFor(1, 'apply', { nodeps: true })];
    await run(port, applied);
    port.calls.length = 0;
    const report = await run(port, [stepFor(1, 'revert'), stepFor(2, 'apply')]);
    assert.equal(report.outcome, 'taken-back');
    assert.deepEqual(port.calls, ['REVERT p2', 'APPLY p3', 'APPLY NODEPS p2']);
    assert.deepEqual(await stack(port), ['p2 APPLIED']);
  });

  it('is refused for a payload with data: lost, and said before', async () => {
    const [first] = tinyChain(1, () => ({
      extraSections: [{ name: '.data', flags: SHF.ALLOC | SHF.WRITE, data: Uint8Array.of(1) }],
    }));
    assert.ok(first);
    const port = modelPort();
    await port.upload('p1', first.bytes);
    await port.act('p1', 'APPLY', { timeoutNs: 0, nodeps: false });
    const plan = await planFor(port, [stepFor(0, 'revert'), stepFor(2, 'apply')]);
    const notes = checkTakeBack(plan, () => false);
    assert.deepEqual(
      notes.map(({ code, message }) => [code, message]),
      [
        [
          'cannot-be-taken-back',
          'If a later step fails, the revert of p1 cannot be taken back: it has data of its own, which Xen does not apply a second time',
        ],
      ],
    );
    const report = await executePlan(port, plan, contents, DEFAULTS);
    assert.equal(report.outcome, 'lost');
    assert.deepEqual(report.lost, [{ name: 'p1', buildId: idOfStep(1), isLoaded: true }]);
    assert.equal(report.undone[0]?.result?.verdict?.faults[0]?.outcome.stage, 're-apply');
  });

  it('an unload is taken back where its bytes are at hand', async () => {
    const port = modelPort();
    await run(port, [stepFor(0, 'upload')]);
    const { file, sha256 } = stepFor(0, 'upload');
    assert.ok(file !== undefined && sha256 !== undefined);
    const unload = stepFor(0, 'unload', { file, sha256 });
    const report = await run(port, [unload, stepFor(2, 'apply')]);
    assert.equal(report.outcome, 'taken-back');
    assert.deepEqual(await stack(port), ['p1 CHECKED']);
  });
});

describe('another tool in the middle of it', () => {
  const NORMALLY = { timeoutNs: 0, nodeps: false };
  const table: readonly (readonly [
    what: string,
    /** This call of ours, as `ACTION NAME`, is when it strikes. */
    moment: string,
    strike: (port: HypervisorPort) => Promise<unknown>,
    outcome: string,
    undone: readonly string[],
    left: readonly string[],
  ])[] = [
    [
      'unloads what was uploaded',
      'APPLY p2',
      (port) => port.act('p2', 'UNLOAD', NORMALLY),
      'taken-back',
      ['done revert p1', 'none unload p2: somebody else unloaded it', 'done unload p1'],
      [],
    ],
    [
      'reverts what was applied',
      'APPLY p2',
      (port) => port.act('p1', 'REVERT', NORMALLY),
      'taken-back',
      ['none revert p1: somebody else reverted it', 'done unload p2', 'done unload p1'],
      [],
    ],
    [
      'reverts and unloads what was applied',
      'APPLY p2',
      async (port) => {
        await port.act('p1', 'REVERT', NORMALLY);
        await port.act('p1', 'UNLOAD', NORMALLY);
      },
      'taken-back',
      [
        'none revert p1: somebody else unloaded it',
        'done unload p2',
        'none unload p1: somebody else unloaded it',
      ],
      [],
    ],
    [
      'unloads at the very moment of taking back',
      'UNLOAD p1',
      (port) => port.act('p1', 'UNLOAD', NORMALLY),
      'taken-back',
      ['done revert p1', 'done unload p2', 'none unload p1: somebody else unloaded it'],
      [],
    ],
    [
      'puts a payload of its own in the place of ours, which stays',
      'APPLY p2',
      async (port) => {
        await port.act('p2', 'UNLOAD', NORMALLY);
        await port.upload('p2', chain[2]?.bytes ?? assert.fail());
      },
      'taken-back',
      ['done revert p1', 'none unload p2: somebody else unloaded it', 'done unload p1'],
      ['p2 CHECKED'],
    ],
    [
      'applies on top of ours: that is in use, and cannot be taken back',
      'REVERT p1',
      (port) => port.act('p2', 'APPLY', NORMALLY),
      'stuck',
      ['failed revert p1'],
      ['p1 APPLIED', 'p2 APPLIED'],
    ],
  ];
  for (const [what, moment, strike, outcome, undone, left] of table) {
    it(what, async () => {
      const inner = modelPort();
      const port = scripted(inner, async (name, action) => {
        if (moment === `${action} ${name}`) await strike(inner);
        return name === 'p2' && action === 'APPLY' ? { hypercallRc: -22 } : undefined;
      });
      const report = await run(port, load(2));
      assert.equal(report.outcome, outcome);
      assert.deepEqual(
        report.undone.map(({ status, step }) =>
          `${status} ${step.action} ${step.name}`.concat(
            status === 'none' ? `: ${step.reason}` : '',
          ),
        ),
        undone,
      );
      assert.deepEqual(await stack(inner), left);
    });
  }

  it('applies again what is to be applied again', async () => {
    const inner = modelPort();
    await run(inner, load(1));
    const port = scripted(inner, async (_name, action) => {
      if (action === 'UPLOAD') await inner.act('p1', 'APPLY', NORMALLY);
      return action === 'UPLOAD' ? { hypercallRc: -12 } : undefined;
    });
    const report = await run(port, [stepFor(0, 'revert'), stepFor(1, 'upload')]);
    assert.equal(report.outcome, 'taken-back');
    assert.equal(report.undone[0]?.step.reason, 'somebody else applied it');
    assert.deepEqual(await stack(port), ['p1 APPLIED']);
  });

  it('uploads again what is to be uploaded again', async () => {
    const inner = modelPort();
    await run(inner, [stepFor(0, 'upload')]);
    const { file, sha256 } = stepFor(0, 'upload');
    assert.ok(file !== undefined && sha256 !== undefined);
    const port = scripted(inner, async (name, action) => {
      if (name === 'p2') await inner.upload('p1', chain[0]?.bytes ?? assert.fail());
      return action === 'UPLOAD' ? { hypercallRc: -12 } : undefined;
    });
    const report = await run(port, [stepFor(0, 'unload', { file, sha256 }), stepFor(1, 'upload')]);
    assert.equal(report.outcome, 'taken-back');
    assert.equal(report.undone[0]?.step.reason, 'somebody else uploaded it');
    assert.deepEqual(await stack(port), ['p1 CHECKED']);
  });
});

describe('checkTakeBack', () => {
  it('names what is final, but for the last step', async () => {
    const port = modelPort();
    const steps = [
      stepFor(0, 'none'),
      stepFor(0, 'upload'),
      stepFor(0, 'unload'),
      stepFor(1, 'revert'),
      stepFor(2, 'revert'),
      stepFor(0, 'replace'),
    ];
    const plan = await planFor(port, steps);
    const safe = new Map([['p2', true]]);
    const notes = checkTakeBack(plan, (name) => safe.get(name) ?? null);
    assert.deepEqual(
      notes.map(({ message }) => message.replace(/^If a later step fails, the /, '')),
      [
        'unload of p1 cannot be taken back: no file of it is at hand that may be uploaded',
        'revert of p3 cannot be taken back: it may have data of its own, which Xen does not apply a second time',
      ],
    );
  });

  it('undoStep knows no way back from a replace', async () => {
    assert.equal(undoStep(stepFor(0, 'replace'), await modelPort().observe()), null);
  });
});
