import assert from 'node:assert/strict';
import { type ChangeRequest, change } from '../../core/change/index.js';
import { type OpenHost, openHost } from '../../core/host/index.js';
import type { HypervisorPort } from '../../core/hypervisor/index.js';
import { inputFile, readPayloadInputs } from '../../core/payload/index.js';
import { type Dom0, needs, type Scenario } from './scenario.js';

/** Above all whose rules are known. */
const NEWER = { major: 4, minor: 99, patch: null };

/** The Xen of this dom0, of which only the release is another: none is newer than the rules here. */
async function newerHost(): Promise<OpenHost> {
  const host = await openHost({ kind: 'xen' });
  const { port } = host;
  const observe = async () => {
    const snapshot = await port.observe();
    return { ...snapshot, hypervisor: { ...snapshot.hypervisor, release: NEWER } };
  };
  const newer: HypervisorPort = {
    host: port.host,
    observe,
    upload: (name, bytes) => port.upload(name, bytes),
    act: (name, action, options) => port.act(name, action, options),
    exclusive: (run) => port.exclusive(run),
    close: () => port.close(),
  };
  return { ...host, port: newer };
}

/** Carries a change out, and gives what had to be assumed for its verdicts. */
async function assumedFor(host: OpenHost, request: ChangeRequest): Promise<readonly string[]> {
  const report = await change(host, request, {
    timeoutNs: 1_000_000_000,
    confirm: async () => true,
  });
  assert.equal(report.failure, null, report.failure?.message);
  assert.equal(report.execution?.outcome, 'done');
  assert.deepEqual(report.divergences, []);
  const { verification } = report;
  assert.ok(verification !== null && 'unknown' in verification, 'there are no verdicts');
  return verification.unknown;
}

/** A Xen of which the rules are not known is judged by the newest ones, and nobody is locked out of it. */
export const NEWER_RELEASE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'newer release: apply, revert and unload go on by the newest known rules (defect 3)',
    notFor: needs('hello'),
    run: async (dom0: Dom0) => {
      const host = await newerHost();
      try {
        const [hello] = readPayloadInputs([
          inputFile(dom0.family.path('hello'), dom0.family.bytes('hello')),
        ]);
        assert.ok(hello);
        const assumed = await assumedFor(host, { verb: 'apply', payloads: [hello] });
        assert.ok(
          assumed.includes('the rules of Xen 4.99 are not known, those of 4.22 are taken'),
          assumed.join('; '),
        );
        assert.deepEqual(await dom0.stack(), ['hello']);
        await assumedFor(host, { verb: 'revert', to: null });
        assert.deepEqual(await dom0.stack(), []);
        await assumedFor(host, { verb: 'unload', names: ['hello'] });
        assert.deepEqual((await dom0.port.observe()).payloads, []);
      } finally {
        await host.port.close();
      }
    },
  },
];
