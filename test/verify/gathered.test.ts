import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { gatheredOf, putFirst } from '../../core/verify/index.js';

interface Item {
  readonly name: string;
  readonly value: number;
}

it('what is gathered of a list is the same whatever lists were asked about before', () => {
  const item = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.nat(9) });
  // Lists that share beginnings, as the payloads of one hypervisor's models do.
  const lists = fc.array(fc.array(fc.nat(5), { maxLength: 6 }), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(item, { minLength: 6, maxLength: 6 }), lists, (items, wanted) => {
      const firstOf = gatheredOf({
        start: () => new Map<string, number>(),
        add: (found, { name, value }: Item, _: { readonly symbols: object }) =>
          putFirst(found, name, value),
      });
      const subject = { symbols: {} };
      for (const indexes of wanted) {
        const list = indexes.flatMap((index) => items[index] ?? []);
        const expected = new Map<string, number>();
        for (const { name, value } of list) putFirst(expected, name, value);
        assert.deepEqual([...firstOf(subject, list)], [...expected]);
      }
    }),
  );
});

it('of lists that follow each other, only what was added is looked at', () => {
  let looked = 0;
  const count = gatheredOf({
    start: () => ({ items: 0 }),
    add: (found, _item: object, _: { readonly symbols: object }) => {
      looked++;
      found.items++;
      return () => void found.items--;
    },
  });
  const subject = { symbols: {} };
  const items: object[] = [];
  for (let index = 0; index < 1000; index++) {
    items.push({});
    assert.equal(count(subject, [...items]).items, items.length);
  }
  assert.equal(looked, 1000);
  assert.equal(count({ symbols: {} }, items).items, 1000);
  assert.equal(looked, 2000);
});
