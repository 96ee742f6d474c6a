import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apply, type Model, revert, upload } from '../../core/verify/index.js';
import { idBytes, type PayloadSpec } from '../support/payload-builder.js';
import {
  note,
  plainFunction,
  TEXT,
  tinyModel,
  tinyPayload,
  verdictLine,
} from '../support/tiny-model.js';

const NODEPS = { nodeps: true };
const RODATA = TEXT + 0x300000n;

function hypervisor(release: string): Model {
  const model = tinyModel(release);
  const bytes = new Uint8Array(4096);
  model.memory.map({ base: RODATA, bytes, writable: false, holds: 'rodata', label: 'xen rodata' });
  return model;
}

function withPayload(model: Model, name: string, id: number, spec: PayloadSpec): Model {
  const stringsSymbol = `strings_of_${name}`;
  const bytes = tinyPayload({ buildId: note(idBytes(id)), stringsSymbol, ...spec });
  const answer = upload(model, name, bytes);
  assert.equal(verdictLine(answer), 'accepted');
  return answer.model;
}

/** What is patched, and the hypervisor in which `patch` does so when it is applied. */
const TARGETS: Readonly<Record<string, (release: string) => Model>> = {
  "Xen's text": (release) => withPayload(hypervisor(release), 'patch', 1, {}),
  "Xen's read-only data": (release) =>
    withPayload(hypervisor(release), 'patch', 1, {
      functions: [plainFunction({ oldAddress: RODATA })],
    }),
  'its own text': (release) =>
    withPayload(hypervisor(release), 'patch', 1, {
      functions: [plainFunction({ oldAddress: 'own_target' })],
      hooks: { load: ['own_target'] },
    }),
  "a loaded payload's text": (release) => onOther(withPayload(hypervisor(release), 'other', 1, {})),
  "an applied payload's text": (release) =>
    onOther(apply(withPayload(hypervisor(release), 'other', 1, {}), 'other', NODEPS).model),
};

function onOther(model: Model): Model {
  const oldAddress = model.payloads[0]?.text.address ?? 0n;
  return withPayload(model, 'patch', 2, {
    functions: [plainFunction({ oldAddress, newAddress: 'newer_code' })],
  });
}

/** By release: the targets that can be written. Read from arch_livepatch_quiesce and what it calls. */
const EVERYTHING = [
  "Xen's text",
  "Xen's read-only data",
  'its own text',
  "a loaded payload's text",
  "an applied payload's text",
];
const APPLIED = ["Xen's text", "an applied payload's text"];
const LOADED = [...APPLIED, 'its own text', "a loaded payload's text"];
const WRITABLE: readonly (readonly [release: string, targets: readonly string[]])[] = [
  ['4.14.6', EVERYTHING],
  ['4.16.3', EVERYTHING],
  ['4.16.4', APPLIED],
  ['4.16.7', APPLIED],
  ['4.17.0', EVERYTHING],
  ['4.17.1', APPLIED],
  ['4.17.3', APPLIED],
  ['4.17.4', EVERYTHING],
  ['4.18.0', APPLIED],
  ['4.18.1', LOADED],
  ['4.18.2', EVERYTHING],
  ['4.19.0', EVERYTHING],
  ['4.22.0', EVERYTHING],
];

describe('what can be written while patches are', () => {
  for (const [release, writable] of WRITABLE) {
    for (const target of EVERYTHING) {
      it(`${release}: ${target} ${writable.includes(target) ? 'can' : 'kills the host'}`, () => {
        const model = TARGETS[target]?.(release);
        assert.ok(model);
        const before = model.memory.regions.map(({ bytes }) => Buffer.from(bytes).toString('hex'));
        const answer = apply(model, 'patch', NODEPS);
        if (!writable.includes(target)) {
          assert.match(verdictLine(answer), /^fatal patching: write of read-only address/);
          return;
        }
        assert.equal(verdictLine(answer), 'accepted');
        const reverted = revert(answer.model, 'patch');
        assert.equal(verdictLine(reverted), 'accepted');
        assert.deepEqual(
          reverted.model.memory.regions.map(({ bytes }) => Buffer.from(bytes).toString('hex')),
          before,
        );
      });
    }
  }
});
