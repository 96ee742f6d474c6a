import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseBuildId } from '../../../core/abi/ids.js';
import { executePlan } from '../../../core/change/execute.js';
import type { HypervisorPort } from '../../../core/hypervisor/port.js';
import { XenHandle } from '../../../core/hypervisor/xen/handle/handle.js';
import { localHypercalls } from '../../../core/hypervisor/xen/handle/local.js';
import { negotiate } from '../../../core/hypervisor/xen/negotiate.js';
import { XenPort } from '../../../core/hypervisor/xen/port.js';
import { makePlan } from '../../../core/stack/make-plan.js';
import type { Step, StepAction } from '../../../core/stack/plan.js';
import { FakeXen } from './fake-xen.js';

const NORMALLY = { timeoutNs: 0, nodeps: false };
const ID = { one: '01'.repeat(20), two: '02'.repeat(20) };

async function portTo(xen: FakeXen): Promise<XenPort> {
  const handle = await XenHandle.open(localHypercalls(xen));
  return new XenPort(await negotiate(handle));
}

describe('two managers on one hypervisor', () => {
  it('what the other one reverted and unloaded counts as taken back', async () => {
    const xen = new FakeXen();
    const [ours, other] = [await portTo(xen), await portTo(xen)];
    const parents = { one: xen.buildId, two: ID.one };
    const contents = new Map(
      (['one', 'two'] as const).map((name) => [
        name,
        Buffer.from(`${ID[name]}<${parents[name]}`, 'latin1'),
      ]),
    );
    const step = (action: StepAction, name: 'one' | 'two'): Step => ({
      action,
      name,
      buildId: parseBuildId(ID[name]),
      depends: parseBuildId(parents[name]),
      ...(action === 'upload' ? { file: name, sha256: name } : {}),
      reason: 'a test',
    });
    const steps = [
      step('upload', 'one'),
      step('upload', 'two'),
      step('apply', 'one'),
      step('apply', 'two'),
    ];
    const plan = makePlan('apply', await ours.observe(), { host: ours.host }, steps);
    const port: HypervisorPort = {
      host: ours.host,
      observe: () => ours.observe(),
      upload: (name, bytes) => ours.upload(name, bytes),
      act: async (name, action, options) => {
        if (name === 'two' && action === 'APPLY') {
          await other.act('two', 'UNLOAD', NORMALLY);
          await other.act('one', 'REVERT', NORMALLY);
        }
        return ours.act(name, action, options);
      },
      exclusive: (run) => ours.exclusive(run),
      close: () => ours.close(),
    };

    const report = await executePlan(port, plan, contents, {
      timeoutNs: 0,
      keepGoing: false,
      retries: 0,
    });

    assert.equal(report.steps[3]?.result?.hypercallRc, -2);
    assert.equal(report.outcome, 'taken-back');
    assert.deepEqual(
      report.undone.map(({ status, step }) => `${status} ${step.action} ${step.name}`),
      ['none revert one', 'none unload two', 'done unload one'],
    );
    assert.deepEqual(xen.payloads, []);
  });
});
