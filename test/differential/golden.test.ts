import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryRoot } from '../support/repository.js';
import { agree, differenceOf, predict, predictSequence, describe as words } from './compare.js';
import { decodeGolden, goldenModel } from './golden.js';
import { sequenceOf } from './sequences.js';
import { type Base, baseOf, variantOf } from './variants.js';

const folder = join(repositoryRoot(), 'test', 'differential', 'golden');
const FEWEST_VARIANTS = 300;
const FEWEST_SEQUENCES = 40;

function payloads(encoded: Readonly<Record<string, string>>): Map<string, Uint8Array> {
  return new Map(
    Object.entries(encoded).map(([name, text]) => [
      name,
      new Uint8Array(Buffer.from(text, 'base64')),
    ]),
  );
}

for (const xen of ['4.14', '4.17', '4.20']) {
  describe(`what a real Xen ${xen} said`, () => {
    const file = readdirSync(folder).find((name) => name === `xen-${xen}.json.gz`);
    assert.ok(file, `test/differential/golden holds the answers of Xen ${xen}`);
    const golden = decodeGolden(readFileSync(join(folder, file)));
    const model = goldenModel(golden);

    it(`to ${golden.variants.length} payload variants (${golden.from}, seed ${golden.seed})`, () => {
      assert.ok(golden.variants.length >= FEWEST_VARIANTS);
      const [first, ...rest] = [...payloads(golden.bases)].map(([name, bytes]) =>
        baseOf(name, bytes),
      );
      assert.ok(first);
      const bases: readonly [Base, ...Base[]] = [first, ...rest];
      const wrong = golden.variants.flatMap((seen, index) => {
        const variant = variantOf(bases, golden.seed, index);
        const predicted = predict(model, bases, variant);
        return agree(predicted, seen) ? [] : [words({ variant, predicted, seen })];
      });
      assert.deepEqual(wrong, []);
      const kinds = new Set(
        golden.variants.map((said) => (said.kind === 'died' ? 'died' : said.rc)),
      );
      assert.ok(kinds.has('died') && kinds.has(0) && kinds.has(-22), 'the answers differ');
    });

    it(`to ${golden.sequences.length} sequences of actions`, () => {
      assert.ok(golden.sequences.length >= FEWEST_SEQUENCES);
      const family = payloads(golden.family);
      const [first, ...rest] = [...family.keys()].sort();
      assert.ok(first);
      const wrong = golden.sequences.flatMap((seen, index) => {
        const operations = sequenceOf([first, ...rest], golden.seed, index);
        const predicted = predictSequence(model, golden.version, family, operations);
        const difference = differenceOf(operations, predicted, seen);
        return difference === null ? [] : [`sequence ${index}: ${difference}`];
      });
      assert.deepEqual(wrong, []);
    });
  });
}
