import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ChangeOptions, change, type PolicyTerms } from '../../core/change/index.js';
import type { Witness } from '../../core/change/witness.js';
import { XspliceError } from '../../core/findings/index.js';
import type { PayloadInput } from '../../core/payload/index.js';
import { policyOfKeys } from '../../core/signature/index.js';
import { demo } from '../support/cli.js';
import { type DemoHost, demoHost, inputsOf } from '../support/demo-host.js';

const known = (...names: readonly string[]) => inputsOf(...names.map(demo));

/** Remembers nothing but these files. */
function remembering(files: readonly PayloadInput[]): Witness {
  return {
    foresee: async () => [],
    recall: async (steps) =>
      files.filter(({ planned }) => steps.some(({ buildId }) => buildId === planned.buildId)),
    begin: async () => undefined,
    intend: async () => undefined,
    record: async () => undefined,
    end: async () => [],
  };
}

/** The demo hypervisor with two payloads applied, which does not unload the second of them to go. */
function stubborn(): DemoHost {
  const host = demoHost('hello', 'bye');
  const { port } = host;
  const unloaded: string[] = [];
  return {
    ...host,
    port: {
      host: port.host,
      observe: () => port.observe(),
      upload: (name, bytes) => port.upload(name, bytes),
      exclusive: (run) => port.exclusive(run),
      close: () => port.close(),
      async act(name, action, options) {
        if (action === 'UNLOAD' && unloaded.push(name) === 2) {
          throw new XspliceError('xen-get-failed', 'Xen did not tell');
        }
        return port.act(name, action, options);
      },
    },
  };
}

/** Everything is to be reverted and unloaded, and nobody gives a file. */
async function undone(host: DemoHost, options: ChangeOptions) {
  const target = { applied: [], others: [] };
  const request = { verb: 'return', command: 'undo', target, payloads: [] } as const;
  return change(host, request, { confirm: async () => true, ...options });
}

const notes = (findings: readonly { readonly code: string; readonly message: string }[]) =>
  findings.filter(({ code }) => code === 'cannot-be-taken-back').map(({ message }) => message);

describe('files of what is unloaded', () => {
  it('are recalled, so that it can be taken back', async () => {
    const host = stubborn();
    const report = await undone(host, { witness: remembering(known('hello', 'bye')) });
    assert.deepEqual(notes(report.findings), []);
    assert.equal(report.execution?.outcome, 'taken-back');
    assert.deepEqual((await host.loaded()).toSorted(), ['bye APPLIED', 'hello APPLIED']);
  });

  it('are missed where nobody has them, and that is said before', async () => {
    const host = stubborn();
    const report = await undone(host, { witness: remembering([]) });
    assert.equal(notes(report.findings).length, 1);
    assert.match(notes(report.findings)[0] ?? '', /no file of it is at hand/);
    assert.equal(report.execution?.outcome, 'lost');
  });

  it('of one build-id with two contents are not used', async () => {
    const twice = known('hello', 'bye').flatMap((one) => [
      one,
      { ...one, planned: { ...one.planned, sha256: 'f'.repeat(64) } },
    ]);
    const report = await undone(stubborn(), { witness: remembering(twice), dryRun: true });
    assert.equal(notes(report.findings).length, 1);
  });

  it('are not used where the policy does not let them be uploaded', async () => {
    const policy: PolicyTerms = {
      policies: [policyOfKeys([], 'the test')],
      signaturesBeside: () => [],
    };
    const witness = remembering(known('hello', 'bye'));
    const report = await undone(stubborn(), { witness, policy });
    assert.equal(notes(report.findings).length, 1);
    assert.equal(report.execution?.outcome, 'lost');
  });
});
