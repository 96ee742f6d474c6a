import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check } from '../../core/check/index.js';
import { SHF } from '../../core/elf/constants.js';
import { inputFile } from '../../core/payload/index.js';
import { type Model, upload } from '../../core/verify/index.js';
import { hexBytes } from '../support/elf-builder.js';
import { TEXT, tinyModel, tinyPayload, verdictLine, withContents } from '../support/tiny-model.js';

/** Releases that keep no alternative inside the text, and the first that do. */
const UNCHECKED = ['4.12', '4.13', '4.14.6', '4.16.7', '4.17.3'];
const CHECKED = ['4.17.4', '4.18.0', '4.20.1', '4.22.0'];

/** X86_FEATURE_ALWAYS, which is long mode; one that a CPU may lack. */
const ALWAYS = 93;
const SOME = 5;

interface Entry {
  readonly feature: number;
  readonly origin?: string;
  readonly originalBytes?: number;
  readonly padding?: number;
  readonly priv?: number;
}

const CODE = { flags: SHF.ALLOC | SHF.EXECINSTR };

/** A payload with these alternatives, each of 5 bytes for 5; symbols of the tiny Xen can be named. */
function payload(
  entries: readonly Entry[],
  version: 1 | 2 = 2,
  more: readonly { name: string; flags: bigint; data: Uint8Array }[] = [],
): Uint8Array {
  const data = new Uint8Array(14 * entries.length);
  const view = new DataView(data.buffer);
  entries.forEach(({ feature, originalBytes = 5, padding = 0, priv = 0 }, i) => {
    view.setUint16(i * 14 + 8, feature, true);
    view.setUint8(i * 14 + 10, originalBytes);
    view.setUint8(i * 14 + 11, 5);
    view.setUint8(i * 14 + 12, padding);
    view.setUint8(i * 14 + 13, priv);
  });
  const section = '.altinstructions';
  return tinyPayload({
    ...(version === 1 ? { version, xenDepends: null } : {}),
    extraSections: [
      { name: section, flags: SHF.ALLOC, data },
      { name: '.altinstr_replacement', ...CODE, data: hexBytes('0f 1f 44 00 00') },
      ...more,
    ],
    extraSymbols: [
      { name: '.Lrepl', section: '.altinstr_replacement', binding: 0 },
      { name: 'plain_fn' },
      { name: 'some_data' },
    ],
    extraRelocations: entries.flatMap(({ origin = 'new_code' }, i) => [
      { section, offset: BigInt(i * 14), type: 2, symbol: origin },
      { section, offset: BigInt(i * 14 + 4), type: 2, symbol: '.Lrepl' },
    ]),
  });
}

const versionFor = (release: string) => (Number(release.split('.')[1]) < 14 ? 1 : 2);

function answer(release: string, ...entries: readonly Entry[]) {
  return upload(tinyModel(release), 'p', payload(entries, versionFor(release)));
}

async function codes(model: Model, bytes: Uint8Array): Promise<readonly string[]> {
  const target = {
    buildId: model.buildId ?? ('' as never),
    model,
    symbols: null,
    notVerified: null,
  };
  const report = await check([inputFile('p.livepatch', bytes)], target);
  return report.findings.flatMap(({ code, severity }) => (severity === 'error' ? [code] : []));
}

describe('an alternative whose place is outside the payload', () => {
  it('is fatal where Xen surely writes there: the feature that every CPU has', () => {
    for (const release of UNCHECKED) {
      const line = verdictLine(answer(release, { feature: ALWAYS, origin: 'plain_fn' }));
      assert.match(
        line,
        /^fatal alternatives: write of read-only address ffff82d040200100/,
        release,
      );
    }
  });

  it('damages Xen where its data are there: accepted, and an error', async () => {
    for (const release of UNCHECKED) {
      const entries = [{ feature: ALWAYS, origin: 'some_data' }];
      const bytes = payload(entries, versionFor(release));
      const model = tinyModel(release);
      const result = upload(model, 'p', bytes);
      assert.equal(verdictLine(result), 'accepted', release);
      assert.equal(result.model.memory.u8(TEXT + 0x400000n), 0x0f);
      assert.deepEqual(await codes(model, bytes), ['alternative-outside'], release);
    }
  });

  it('depends on the CPU with another feature: the verdict stays and says on what', async () => {
    const entries = [{ feature: SOME, origin: 'plain_fn', padding: 1 }];
    for (const release of UNCHECKED) {
      const bytes = payload(entries, versionFor(release));
      const { verdict } = upload(tinyModel(release), 'p', bytes);
      assert.equal(verdict.outcome.outcome, 'accepted', release);
      assert.deepEqual(verdict.assumptions, [
        "the CPU has no feature 5: its alternative is outside the payload's text",
      ]);
      assert.equal(verdict.strayWrites?.[0]?.when, 'the CPU has feature 5');
      assert.deepEqual(await codes(tinyModel(release), bytes), ['alternative-outside'], release);
    }
  });

  it('depends on the CPU where Xen refuses the payload later: the refusal stays, and it is an error', async () => {
    for (const release of UNCHECKED) {
      const exTable = { name: '.ex_table', flags: SHF.ALLOC, data: new Uint8Array(9) };
      const entries = [{ feature: SOME, origin: 'plain_fn', padding: 1 }];
      const bytes = payload(entries, versionFor(release), [exTable]);
      const { verdict } = upload(tinyModel(release), 'p', bytes);
      assert.deepEqual(verdict.outcome, {
        outcome: 'refused',
        stage: 'exception-table',
        errno: 22,
      });
      assert.equal(verdict.strayWrites?.[0]?.when, 'the CPU has feature 5');
      const said = await codes(tinyModel(release), bytes);
      assert.deepEqual(said, ['would-be-refused', 'alternative-outside'], release);
    }
  });

  it('does not matter where Xen refuses the payload before', () => {
    for (const release of UNCHECKED) {
      const entries = [{ feature: SOME, origin: 'plain_fn', padding: 1 }];
      const bad = { name: '.bug_frames.0', flags: SHF.ALLOC, data: new Uint8Array(9) };
      const bytes = payload(entries, versionFor(release), [bad]);
      const { verdict } = upload(tinyModel(release), 'p', bytes);
      assert.equal(verdict.outcome.outcome === 'refused' && verdict.outcome.stage, 'bug-frames');
      assert.equal(verdict.strayWrites, undefined, release);
    }
  });

  it('may lead nowhere with its replacement, which is read with the feature', async () => {
    const bytes = payload([{ feature: SOME }]);
    const nowhere = withContents(bytes, '.rela.altinstructions', 24 + 16, 8, 1n << 30n);
    const model = tinyModel('4.16.7');
    const { verdict } = upload(model, 'p', nowhere);
    assert.equal(verdict.outcome.outcome, 'accepted');
    assert.deepEqual(
      verdict.strayWrites?.map(({ access, when }) => [access, when]),
      [['read', 'the CPU has feature 5']],
    );
    assert.deepEqual(await codes(model, nowhere), ['alternative-outside']);
    const always = payload([{ feature: ALWAYS }]);
    const dies = withContents(always, '.rela.altinstructions', 24 + 16, 8, 1n << 30n);
    assert.match(verdictLine(upload(model, 'p', dies)), /^fatal alternatives/);
  });

  it('depends on the NOPs too, where more than one is padding', () => {
    const { verdict } = answer('4.16.7', { feature: SOME, origin: 'plain_fn', padding: 3 });
    assert.deepEqual(verdict.assumptions, [
      "the CPU has no feature 5, and the NOPs of the compiler suit it: its alternative is outside the payload's text",
    ]);
    assert.equal(
      verdict.strayWrites?.[0]?.when,
      'the CPU has feature 5, or the NOPs of the compiler do not suit it',
    );
  });

  it('is nothing where Xen does not write: marked as done', () => {
    for (const feature of [ALWAYS, SOME]) {
      const { verdict } = answer('4.16.7', { feature, origin: 'plain_fn', padding: 3, priv: 1 });
      assert.deepEqual([verdict.outcome.outcome, verdict.assumptions], ['accepted', []]);
      assert.equal(verdict.strayWrites, undefined);
    }
  });

  it('is refused by releases that check', () => {
    for (const release of CHECKED) {
      const line = verdictLine(answer(release, { feature: ALWAYS, origin: 'plain_fn' }));
      assert.match(line, /^refused alternatives EINVAL: p Alternative orig/, release);
    }
  });
});

describe('an alternative inside the payload', () => {
  it('is no finding and no assumption, whatever its feature', async () => {
    for (const release of [...UNCHECKED, ...CHECKED]) {
      for (const feature of [ALWAYS, SOME]) {
        const bytes = payload([{ feature, padding: 2 }], versionFor(release));
        const { verdict } = upload(tinyModel(release), 'p', bytes);
        assert.deepEqual([verdict.outcome.outcome, verdict.assumptions], ['accepted', []]);
        assert.deepEqual(await codes(tinyModel(release), bytes), []);
      }
    }
  });

  it('is written where the CPU has the feature for sure', () => {
    const { model } = answer('4.16.7', { feature: ALWAYS });
    const { text } = model.payloads[0] ?? assert.fail();
    assert.deepEqual([...model.memory.read(text.address, 5)], [0x0f, 0x1f, 0x44, 0, 0]);
  });
});
