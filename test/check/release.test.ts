import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseRelease, type XenRelease } from '../../core/abi/release.js';
import {
  basesOf,
  type CheckReport,
  check,
  targetOfImage,
  targetOfRelease,
} from '../../core/check/index.js';
import { openImage } from '../../core/inputs/index.js';
import { inputFile } from '../../core/payload/index.js';
import { DEMO, DEMO_IMAGE } from '../support/cli.js';
import { tinyPayload } from '../support/tiny-model.js';

const inputs = readdirSync(DEMO)
  .filter((name) => name.endsWith('.livepatch'))
  .sort()
  .map((name) => inputFile(name, readFileSync(join(DEMO, name))));

function release(text: string): XenRelease {
  const found = parseRelease(text);
  assert.ok(found !== null);
  return found;
}

const outcomes = ({ verdicts }: CheckReport) =>
  new Map(verdicts?.map((one) => [one.file, { ...(one.inChain ?? one) }]));

describe('a hypervisor of which only the release is known', () => {
  it('answers as its image does, but for what only the image tells', async () => {
    for (const mode of ['chain', 'alternatives'] as const) {
      const image = outcomes(
        await check(inputs, targetOfImage(openImage(DEMO_IMAGE)), [], { mode }),
      );
      const target = targetOfRelease(release('4.17.7'), null, () => basesOf(inputs));
      const assumed = outcomes(await check(inputs, target, [], { mode }));
      assert.equal(assumed.size, inputs.length);
      const differing = [...image].flatMap(([file, { outcome, stage }]) => {
        const other = assumed.get(file);
        return outcome === other?.outcome && stage === other.stage
          ? []
          : [`${file}: ${stage} -> ${other?.outcome}`];
      });
      assert.deepEqual(differing, [
        'expect-wrong.livepatch: expectations -> accepted',
        'unknown-function.livepatch: functions -> accepted',
        'unknown-import.livepatch: symbol-resolution -> accepted',
      ]);
      for (const file of ['unknown-function.livepatch', 'unknown-import.livepatch']) {
        assert.match(assumed.get(file)?.assumptions.join() ?? '', /the hypervisor has .*no_such/);
      }
    }
  });

  it('is of the build that its payloads name, and says that this is taken so', async () => {
    const target = targetOfRelease(release('4.17'), null, () => basesOf(inputs));
    const { findings, buildId } = await check(inputs, target);
    assert.match(buildId ?? '', /^b47c8ae82c7e/);
    const [told] = findings.filter(({ code }) => code === 'hypervisor-assumed');
    assert.ok(told?.message.includes(`taken to be ${buildId}`), told?.message);
    assert.equal(told?.severity, 'note');
  });

  it('has the place of its code in each release', async () => {
    const old = inputs.filter(({ file }) => file === 'old-address.livepatch');
    for (const text of ['4.14', '4.17', '4.20', '4.22']) {
      const target = targetOfRelease(release(text), null, () => basesOf(old));
      const { verdicts } = await check(old, target);
      assert.equal(verdicts?.[0]?.inChain?.outcome, 'accepted', text);
    }
  });

  it('refuses by the rules of each release', async () => {
    const one = [inputFile('one.livepatch', tinyPayload())];
    const answers = ['4.12', '4.13', '4.14', '4.17', '4.22'].map(async (text) => {
      const target = targetOfRelease(release(text), null, () => basesOf(one));
      const { verdicts } = await check(one, target);
      const answer = verdicts?.[0]?.inChain ?? verdicts?.[0];
      return `${text} ${answer?.outcome} ${answer?.stage}`;
    });
    assert.deepEqual(await Promise.all(answers), [
      '4.12 refused functions',
      '4.13 refused functions',
      '4.14 accepted null',
      '4.17 accepted null',
      '4.22 accepted null',
    ]);
  });

  it('rejects payloads of two builds in one chain, and knows none where none is named', async () => {
    const mixed = inputs.filter(({ file }) => /^(hello|wrong-xen-depends)\./.test(file));
    const target = targetOfRelease(release('4.17'), null, () => basesOf(mixed));
    const { findings } = await check(mixed, target, [], { mode: 'alternatives' });
    const errors = findings.filter(({ severity }) => severity === 'error');
    assert.deepEqual(
      errors.map(({ code, file }) => [code, file]),
      [['wrong-hypervisor', 'wrong-xen-depends.livepatch']],
    );
    const text = [inputFile('text.livepatch', Buffer.from('no payload'))];
    const unnamed = targetOfRelease(release('4.17'), null, () => basesOf(text));
    assert.equal((await check(text, unnamed)).buildId, null);
  });
});
