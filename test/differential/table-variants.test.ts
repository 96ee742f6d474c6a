import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHF } from '../../core/elf/constants.js';
import { readElf } from '../../core/elf/index.js';
import { upload } from '../../core/verify/index.js';
import { tinyModel, tinyPayload } from '../support/tiny-model.js';
import { tablesOf, tableVariantOf } from './table-variants.js';

/** A payload with two entries of each table, relocated. */
function base(): Uint8Array {
  const alt = new Uint8Array(28);
  for (const at of [0, 14]) alt.set([5, 0, 5, 5, 2, 0], at + 8);
  const tables = ['.ex_table', '.bug_frames.0', '.bug_frames.2'];
  return tinyPayload({
    extraSections: [
      { name: '.altinstructions', flags: SHF.ALLOC, data: alt },
      {
        name: '.altinstr_replacement',
        flags: SHF.ALLOC | SHF.EXECINSTR,
        data: new Uint8Array(16).fill(0x90),
      },
      ...tables.map((name) => ({ name, flags: SHF.ALLOC, data: new Uint8Array(16) })),
    ],
    extraSymbols: [{ name: '.Lrepl', section: '.altinstr_replacement', binding: 0 }],
    extraRelocations: [0n, 14n].flatMap((offset) => [
      { section: '.altinstructions', offset, type: 2, symbol: 'new_code' },
      { section: '.altinstructions', offset: offset + 4n, type: 2, symbol: '.Lrepl' },
      ...tables.map((section) => ({
        ...{ section, offset: offset === 0n ? 0n : 8n, type: 2, symbol: 'new_code' },
      })),
    ]),
  });
}

describe('variants of alternatives, exception table and bug frames', () => {
  const payload = { name: 'tables', bytes: base() };

  it('are made of all three, and the same for the same seed', () => {
    assert.deepEqual(tablesOf(readElf(payload.bytes)), [
      ...['.altinstructions', '.ex_table', '.bug_frames.0', '.bug_frames.2'],
    ]);
    const changes = Array.from({ length: 2000 }, (_, i) => tableVariantOf([payload], 1, i).changes);
    assert.deepEqual(tableVariantOf([payload], 1, 7), tableVariantOf([payload], 1, 7));
    const all = changes.flat().join('\n');
    for (const what of [
      '.priv = 1',
      '.pad_len = 1',
      'feature = 93',
      '.ex_table',
      '.bug_frames.2',
    ]) {
      assert.ok(all.includes(what), what);
    }
  });

  it('have an answer each, of all three kinds, before and after ranges are checked', () => {
    for (const release of ['4.14.6', '4.16.7', '4.17.7', '4.20.1', '4.22.0']) {
      const model = tinyModel(release);
      assert.equal(upload(model, 'p', payload.bytes).verdict.outcome.outcome, 'accepted', release);
      const outcomes = new Set(
        Array.from({ length: 400 }, (_, i) => {
          const { bytes } = tableVariantOf([payload], 2, i);
          return upload(model, 'p', bytes).verdict.outcome.outcome;
        }),
      );
      assert.ok(outcomes.has('accepted') && outcomes.has('refused'), release);
      if (!model.rules.has('alternativeErrors')) assert.ok(outcomes.has('fatal'), release);
    }
  });
});
