import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type CodeContext, orderByGuard } from '../../core/oldcode/index.js';
import type { Guard } from '../../core/stack/plan.js';
import { demoPayload, demoSetting } from '../support/demo-code.js';

let bare: CodeContext;
before(async () => {
  bare = await demoSetting();
});

const CASES: readonly {
  readonly guard: Guard;
  readonly given: readonly string[];
  readonly order: readonly string[];
  /** Those of the order that Xen takes with NODEPS only. */
  readonly nodeps: readonly string[];
  readonly refused: readonly string[];
}[] = [
  {
    guard: 'build-id',
    given: ['independent-b', 'independent-a'],
    order: ['independent-b'],
    nodeps: [],
    refused: ['independent-a'],
  },
  {
    guard: 'old-code',
    given: ['independent-b', 'independent-a'],
    order: ['independent-b', 'independent-a'],
    nodeps: ['independent-a'],
    refused: [],
  },
  {
    guard: 'old-code',
    given: ['independent-a', 'bye', 'hello'],
    order: ['independent-a', 'hello', 'bye'],
    nodeps: ['hello'],
    refused: [],
  },
  {
    guard: 'both',
    given: ['chain-03', 'chain-01', 'chain-02'],
    order: ['chain-01', 'chain-02', 'chain-03'],
    nodeps: [],
    refused: [],
  },
  {
    guard: 'old-code',
    given: ['callee-fix', 'caller-fix'],
    order: ['callee-fix'],
    nodeps: [],
    refused: ['caller-fix'],
  },
  {
    guard: 'nodeps',
    given: ['callee-fix', 'caller-fix'],
    order: ['callee-fix', 'caller-fix'],
    nodeps: ['caller-fix'],
    refused: [],
  },
  {
    guard: 'nodeps',
    given: ['expect-wrong', 'unknown-import', 'hello'],
    order: ['hello'],
    nodeps: [],
    refused: ['expect-wrong', 'unknown-import'],
  },
  { guard: 'old-code', given: [], order: [], nodeps: [], refused: [] },
];

describe('orderByGuard', () => {
  for (const { guard, given, order, nodeps, refused } of CASES) {
    it(`orders ${given.join(', ') || 'nothing'} by ${guard}`, () => {
      const payloads = given.map((name) => ({ name, payload: demoPayload(name) }));
      const found = orderByGuard(guard, bare, payloads);
      const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
      assert.deepEqual(names(found.order), order);
      assert.deepEqual(names(found.order.filter(({ verdict }) => verdict.needsNodeps)), nodeps);
      assert.deepEqual(names(found.refused), refused);
      assert.deepEqual(found.model.applied, order);
      for (const { verdict } of found.refused) assert.equal(verdict.passes, false);
    });
  }
});
