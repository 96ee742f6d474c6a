import assert from 'node:assert/strict';
import test from 'node:test';
import { alike, didYouMean, nearest } from '../../core/findings/index.js';
import { cpuMs } from '../support/cpu-time.js';

test('a name is proposed where few letters differ, or where it begins so', () => {
  const names = ['apply', 'replace', 'upload', 'unload', 'load'];
  const cases: readonly (readonly [word: string, proposals: readonly string[]])[] = [
    ['aply', ['apply']],
    ['paply', ['apply']],
    ['APPLY', ['apply']],
    ['rep', ['replace']],
    ['uplaod', ['upload', 'unload']],
    ['lod', ['load']],
    ['laod', ['load']],
    ['status', []],
    ['x', []],
    ['', []],
    ['apply'.repeat(1000), []],
  ];
  for (const [word, proposals] of cases) assert.deepEqual(alike(word, names), proposals, word);
  assert.deepEqual(alike('-', ['a', 't', '-x']), [], 'any letter is one change away');
  assert.deepEqual(alike('oload', names), ['load', 'upload', 'unload'], 'nearest first');
});

test('of many long names none takes long', () => {
  const names = Array.from({ length: 2_000 }, (_, index) => `${index}${'a'.repeat(15_000)}`);
  const start = cpuMs();
  assert.deepEqual(alike('b'.repeat(60), names), []);
  assert.ok(cpuMs() - start < 2_000);
});

test('the nearest are found however far, and proposals are one sentence', () => {
  assert.deepEqual(nearest('overlap', ['fork', 'elf-overlap', 'cycle'])[0], 'elf-overlap');
  assert.equal(didYouMean(['a', 'b']), 'Did you mean a or b? ');
  assert.equal(didYouMean([]), '');
});
