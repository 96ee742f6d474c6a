import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { verdictOf } from './facts.js';
import { readGoldens } from './goldens.js';

describe('pairs that were tried on real programs', () => {
  const goldens = readGoldens();

  it('are many, of every kind', () => {
    assert.ok(goldens.length >= 400, `${goldens.length}`);
    const outcomes = new Set(goldens.map(({ verdict }) => verdict.outcome));
    for (const outcome of [
      'accepted',
      'accepted-with-loss',
      'not-proven',
      'refused',
      'fatal',
      'undecided',
    ]) {
      assert.ok(outcomes.has(outcome as never), outcome);
    }
  });

  it('get the verdict that they had, from their facts alone', () => {
    for (const { group, module, facts, verdict } of goldens) {
      assert.deepEqual({ ...verdictOf(facts) }, verdict, `${group}: ${module}`);
    }
  });

  it('were answered with the words that the verdict foretells', () => {
    for (const { group, module, facts, verdict, said } of goldens) {
      // The linker's trace has other words than a start.
      if (facts.kind === 'linked' || verdict.says === null) continue;
      const [first = ''] = verdict.says.split('\n');
      assert.ok(said.includes(first), `${group}: ${module}: ${said}`);
    }
  });
});
