import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { acceptDangers, parseAcceptance, refusalOfDangers } from '../../core/change/accept.js';
import { finding } from '../../core/findings/index.js';
import { change, XspliceError } from '../../core/index.js';
import { DEMO, demo } from '../support/cli.js';
import { demoHost, inputsOf } from '../support/demo-host.js';

const CODE = 'nop-splits-instruction';
const of = (payload: string) => finding(CODE, { payload, message: `${payload} splits one` });
const warning = finding('data-prevents-reapply', { payload: 'a', message: 'has data' });
const badAccept = (error: unknown) => error instanceof XspliceError && error.code === 'bad-accept';

describe('dangers that are let pass', () => {
  it('are named by code, and by payload where that is needed', () => {
    assert.deepEqual(parseAcceptance(CODE), { code: CODE, payload: null });
    assert.deepEqual(parseAcceptance(`${CODE}=a=b`), { code: CODE, payload: 'a=b' });
    for (const text of ['would-be-fatal', 'would-be-refused', 'wrong-hypervisor', '', `${CODE}=`]) {
      assert.throws(() => parseAcceptance(text), badAccept, text);
    }
  });

  it('weigh as warnings then, and are told apart', () => {
    const judged = acceptDangers([of('a'), warning], [{ code: CODE, payload: null }]);
    assert.deepEqual(
      judged.findings.map(({ severity, accepted }) => [severity, accepted]),
      [
        ['warning', true],
        ['warning', undefined],
      ],
    );
    assert.deepEqual(judged.accepted, [judged.findings[0]]);
    assert.equal(refusalOfDangers(judged.findings), null);
  });

  it('have to be named where two payloads have them', () => {
    assert.throws(
      () => acceptDangers([of('a'), of('b')], [{ code: CODE, payload: null }]),
      badAccept,
    );
    const { findings } = acceptDangers([of('a'), of('b')], [{ code: CODE, payload: 'b' }]);
    assert.deepEqual(
      findings.map(({ severity }) => severity),
      ['error', 'warning'],
    );
    assert.match(refusalOfDangers(findings)?.message ?? '', /nop-splits-instruction of a$/);
  });

  it('are noted where there is nothing of the kind', () => {
    const { findings } = acceptDangers([], [{ code: CODE, payload: 'a' }]);
    assert.deepEqual(
      findings.map(({ code, severity }) => [code, severity]),
      [['accept-unused', 'note']],
    );
  });

  it('pass in a change of the library, and never a refused or fatal verdict', async () => {
    const host = demoHost();
    const payloads = inputsOf(join(DEMO, 'dangerous', 'nop-misaligned.livepatch'));
    const request = { verb: 'apply', payloads, check: 'build-id', nodeps: false } as const;
    const confirm = async () => true;
    const refused = await change(host, request, { confirm });
    assert.equal(refused.failure?.code, 'not-accepted');
    assert.match(refused.failure.hint, /--accept nop-splits-instruction$/);
    assert.deepEqual(await host.loaded(), []);
    const done = await change(host, request, { confirm, accept: [{ code: CODE, payload: null }] });
    assert.equal(done.failure, null);
    assert.deepEqual(
      done.accepted.map(({ code, payload }) => [code, payload]),
      [[CODE, 'nop-misaligned']],
    );
    assert.deepEqual(await host.loaded(), ['nop-misaligned APPLIED']);

    const wrong = inputsOf(demo('expect-wrong'));
    const never = await change(
      demoHost(),
      { ...request, payloads: wrong },
      { confirm, accept: [{ code: 'replace-expectations-fail', payload: null }] },
    );
    assert.equal(never.failure?.code, 'would-be-refused');
  });

  it('are found of payloads that are loaded already, and of two that one command applies', async () => {
    const uploaded = demoHost();
    const payloads = inputsOf(join(DEMO, 'dangerous', 'nop-misaligned.livepatch'));
    const accept = [{ code: CODE, payload: null }] as const;
    const confirm = async () => true;
    await change(uploaded, { verb: 'upload', payloads }, { confirm, accept });
    assert.deepEqual(await uploaded.loaded(), ['nop-misaligned CHECKED']);
    const byName = { verb: 'apply-loaded', names: ['nop-misaligned'], nodeps: false } as const;
    assert.equal((await change(uploaded, byName, { confirm })).failure?.code, 'not-accepted');

    const two = inputsOf(demo('hello'), demo('cumulative-1'));
    const request = { verb: 'apply', payloads: two, check: 'build-id', nodeps: true } as const;
    const both = await change(demoHost(), request, { confirm });
    assert.equal(both.failure?.code, 'not-accepted');
    assert.ok(both.findings.some(({ code }) => code === 'patched-by-other'));
  });
});
