import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { executePlan } from '../../core/change/execute.js';
import { failureOf } from '../../core/change/outcome.js';
import { SHF } from '../../core/elf/constants.js';
import { XspliceError } from '../../core/findings/index.js';
import { sha256Of } from '../../core/hypervisor/embedded/blobs.js';
import { MemoryStore, ModelPort } from '../../core/hypervisor/embedded/model-port.js';
import type { HypervisorPort, OperationResult } from '../../core/hypervisor/port.js';
import { planPayloadOf } from '../../core/payload/plan-payload.js';
import { readPayload } from '../../core/payload/read.js';
import type { Plan } from '../../core/stack/index.js';
import { planApply } from '../../core/stack/plan-apply.js';
import { planReplace } from '../../core/stack/plan-replace.js';
import { planRevert } from '../../core/stack/plan-revert.js';
import { idBytes } from '../support/payload-builder.js';
import { HOST } from '../support/stack-builders.js';
import {
  note,
  plainFunction,
  tinyChain,
  tinyModel,
  tinyPayload,
  XEN_ID,
} from '../support/tiny-model.js';

const OPTIONS = { timeoutNs: 0, keepGoing: false, retries: 2 };
const NORMALLY = { timeoutNs: 0, nodeps: false };

interface File {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const plannedOf = ({ name, bytes }: File) =>
  planPayloadOf(readPayload(bytes, `${name}.livepatch`), sha256Of(bytes), name);
const contentsOf = (files: readonly File[]) =>
  new Map(files.map(({ bytes }) => [sha256Of(bytes), bytes]));

/** Three in a chain; two that build on the hypervisor, the first of them with data of its own. */
const chain = tinyChain(3, (index) => ({ stringsSymbol: `strings${index}` }));

function modelPort(): ModelPort {
  return new ModelPort(HOST, new MemoryStore(tinyModel('4.17.7'), '4.17.7'));
}

/** Counts the calls of a port, and lets one of them go wrong: before it is made, or after. */
function failingAt(
  port: HypervisorPort,
  place: number,
  when: 'before' | 'after',
  isLasting: boolean,
): HypervisorPort & { readonly count: () => number } {
  let calls = 0;
  const broken = () => new XspliceError('xen-get-failed', 'Xen did not tell', { hint: 'look' });
  const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
    const own = ++calls;
    const strikes = isLasting ? own >= place : own === place;
    if (strikes && when === 'before') throw broken();
    const answer = await call();
    if (strikes) throw broken();
    return answer;
  };
  return {
    host: port.host,
    count: () => calls,
    observe: () => guarded(() => port.observe()),
    upload: (name, bytes) => guarded(() => port.upload(name, bytes)),
    act: (name, action, options) => guarded(() => port.act(name, action, options)),
    exclusive: (run) => port.exclusive(run),
    close: () => port.close(),
  };
}

const stateOf = async (port: HypervisorPort) =>
  (await port.observe()).payloads.map(({ name, state }) => `${name} ${state}`).sort();

describe('an error in the middle of a plan (R4)', () => {
  const plans: Readonly<
    Record<string, (port: ModelPort) => Promise<{ plan: Plan; files: readonly File[] }>>
  > = {
    'apply of three': async (port) => ({
      plan: planApply(await port.observe(), chain.map(plannedOf), { host: HOST }),
      files: chain,
    }),
    'revert to the base': async (port) => {
      for (const { name, bytes } of chain) await port.upload(name, bytes);
      for (const { name } of chain) await port.act(name, 'APPLY', NORMALLY);
      return {
        plan: planRevert(await port.observe(), { to: 'base' }, { host: HOST }),
        files: [],
      };
    },
  };
  for (const [what, prepare] of Object.entries(plans)) {
    for (const when of ['before', 'after'] as const) {
      for (const isLasting of [false, true]) {
        it(`${what}: each call fails ${when} it is made${isLasting ? ', and all that follow' : ''}`, async () => {
          let place = 2;
          for (let isReached = true; isReached; place++) {
            const inner = modelPort();
            const { plan, files } = await prepare(inner);
            const before = await stateOf(inner);
            const port = failingAt(inner, place, when, isLasting);
            // The first call observes: nothing has been done then, and what fails is thrown.
            const report = await executePlan(port, plan, contentsOf(files), OPTIONS);
            isReached = port.count() >= place;
            const after = await stateOf(inner);
            const told = report.after?.payloads.map((p) => `${p.name} ${p.state}`).sort();
            if (told === undefined) {
              assert.ok(report.afterError);
            } else {
              assert.deepEqual(told, after, `call ${place}: what is told is what is there`);
            }
            if (report.asItWas) assert.deepEqual(after, before, `call ${place}`);
            switch (report.outcome) {
              case 'done':
                assert.ok(report.steps.every(({ status }) => status === 'done'));
                break;
              case 'taken-back':
                assert.deepEqual(after, before, `call ${place}`);
                break;
              case 'lost':
                assert.ok(report.lost.length > 0);
                break;
              case 'stuck':
              case 'unknown':
                break;
              case 'partial':
                assert.fail('nobody asked to go on');
            }
            // A single error never keeps a plan from being taken back, unless taking back meets it.
            if (!isLasting && report.undone.every(({ status }) => status === 'done')) {
              const isKnown = report.after !== null;
              if (isKnown && report.outcome !== 'done') assert.equal(report.outcome, 'taken-back');
            }
            const failure = failureOf(report);
            assert.equal(failure === null, report.outcome === 'done');
          }
          assert.ok(place > 6, 'the plan makes some calls');
        });
      }
    }
  }

  it('thrown by somebody else than us is a result as well', async () => {
    const inner = modelPort();
    const port: HypervisorPort = {
      ...{ host: HOST, observe: () => inner.observe(), close: () => inner.close() },
      exclusive: (run) => inner.exclusive(run),
      upload: (name, bytes) => inner.upload(name, bytes),
      act: async (name, action, options) => {
        if (action === 'APPLY') throw new TypeError('a mistake of ours');
        return inner.act(name, action, options);
      },
    };
    const plan = planApply(await port.observe(), chain.map(plannedOf), { host: HOST });
    const report = await executePlan(port, plan, contentsOf(chain), OPTIONS);
    assert.deepEqual([report.outcome, report.asItWas], ['taken-back', true]);
    assert.match(failureOf(report)?.message ?? '', /Internal error.*a mistake of ours.*as it was/);
  });
});

describe('a failed REPLACE (defect 1)', () => {
  const withData = (name: string, id: number): File => ({
    name,
    bytes: tinyPayload({
      buildId: note(idBytes(id)),
      depends: note(XEN_ID),
      functions: [plainFunction({ newAddress: `new_code_of_${name}` })],
      stringsSymbol: `strings of ${name}`,
      extraSections: [{ name: '.data', flags: SHF.ALLOC | SHF.WRITE, data: Uint8Array.of(1) }],
    }),
  });
  const withoutData = chain[0] ?? assert.fail();
  const table: readonly (readonly [what: string, below: File, outcome: string, state: string])[] = [
    ['of a payload that Xen applies again is taken back', withoutData, 'taken-back', 'APPLIED'],
    ['of a payload with data of its own is a loss', withData('data', 40), 'lost', 'CHECKED'],
  ];
  for (const [what, below, outcome, state] of table) {
    it(what, async () => {
      const inner = modelPort();
      await inner.upload(below.name, below.bytes);
      await inner.act(below.name, 'APPLY', NORMALLY);
      const next = withData('next', 41);
      const plan = planReplace(await inner.observe(), plannedOf(next), { host: HOST });
      // As Xen does it where an expectation fails: all is reverted, and nothing applied.
      const port: HypervisorPort = {
        ...{ host: HOST, observe: () => inner.observe(), close: () => inner.close() },
        exclusive: (run) => inner.exclusive(run),
        upload: (name, bytes) => inner.upload(name, bytes),
        act: async (name, action, options): Promise<OperationResult> => {
          if (action !== 'REPLACE') return inner.act(name, action, options);
          await inner.act(below.name, 'REVERT', options);
          const log = ['next: old function is not what was expected'];
          return { hypercallRc: 0, payloadRc: -22, log, elapsedMs: 1 };
        },
      };
      const report = await executePlan(port, plan, contentsOf([next]), OPTIONS);
      assert.equal(report.outcome, outcome);
      const found = (await inner.observe()).payloads.find(({ name }) => name === below.name);
      assert.equal(found?.state, state);
      const message = failureOf(report)?.message ?? '';
      assert.equal(report.asItWas, outcome === 'taken-back');
      assert.equal(message.includes('as it was'), outcome === 'taken-back', message);
      assert.equal(
        message.includes(`lost: ${below.name} is no longer applied, the host runs without it`),
        outcome === 'lost',
        message,
      );
      assert.deepEqual(
        report.lost.map(({ name, isLoaded }) => [name, isLoaded]),
        outcome === 'lost' ? [[below.name, true]] : [],
      );
    });
  }
});

describe('a revert whose hook fails and that takes effect all the same (defect 1)', () => {
  it('is taken back too', async () => {
    const inner = modelPort();
    const [file] = chain;
    assert.ok(file);
    await inner.upload(file.name, file.bytes);
    await inner.act(file.name, 'APPLY', NORMALLY);
    const plan = planRevert(await inner.observe(), { to: null }, { host: HOST });
    const port: HypervisorPort = {
      ...{ host: HOST, observe: () => inner.observe(), close: () => inner.close() },
      exclusive: (run) => inner.exclusive(run),
      upload: (name, bytes) => inner.upload(name, bytes),
      act: async (name, action, options) => {
        const answer = await inner.act(name, action, options);
        return action === 'REVERT' ? { ...answer, payloadRc: -22 } : answer;
      },
    };
    const report = await executePlan(port, plan, new Map(), OPTIONS);
    assert.deepEqual(
      [report.outcome, report.asItWas, report.undone.map(({ step }) => step.action)],
      ['taken-back', true, ['apply']],
    );
  });
});

describe('a busy payload whose hook runs before the CPUs meet (defect 2)', () => {
  const busyFor = async (answers: readonly Partial<OperationResult>[], hooks: boolean) => {
    const inner = modelPort();
    const [file] = chain;
    assert.ok(file);
    const left = [...answers];
    const timeouts: number[] = [];
    const port: HypervisorPort = {
      ...{ host: HOST, observe: () => inner.observe(), close: () => inner.close() },
      exclusive: (run) => inner.exclusive(run),
      upload: (name, bytes) => inner.upload(name, bytes),
      act: async (name, action, options) => {
        if (action === 'APPLY') timeouts.push(options.timeoutNs);
        const own = action === 'APPLY' ? left.shift() : undefined;
        if (own === undefined) return inner.act(name, action, options);
        return { hypercallRc: 0, payloadRc: 0, log: [], elapsedMs: 1, ...own };
      },
    };
    const made = planApply(await port.observe(), [plannedOf(file)], { host: HOST });
    const steps = made.steps.map((step) =>
      hooks && step.action === 'apply' ? { ...step, hooksFirst: ['preapply'] as const } : step,
    );
    const report = await executePlan(port, { ...made, steps }, contentsOf(chain), OPTIONS);
    return { report, timeouts };
  };

  it('is tried once where the CPUs did not meet, with a longer timeout', async () => {
    const { report, timeouts } = await busyFor([{ payloadRc: -16 }], true);
    assert.deepEqual(timeouts, [2_000_000_000]);
    assert.deepEqual([report.steps[1]?.status, report.outcome], ['busy', 'taken-back']);
    assert.equal(failureOf(report)?.exitCode, 2);
  });

  it('is tried again where the hypercall itself was busy: no hook ran', async () => {
    const { report, timeouts } = await busyFor([{ hypercallRc: -16 }], true);
    assert.deepEqual([timeouts.length, report.outcome], [2, 'done']);
  });

  it('without such a hook is tried again either way', async () => {
    const { report, timeouts } = await busyFor([{ payloadRc: -16 }], false);
    assert.deepEqual([timeouts, report.outcome], [[0, 0], 'done']);
  });
});
