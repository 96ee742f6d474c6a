import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  type CodeContext,
  codeGraph,
  type Footprint,
  footprintOf,
  type Overlap,
  overlapsOf,
  runningCode,
} from '../../core/oldcode/index.js';
import { demoPayload, demoSetting, withApplied } from '../support/demo-code.js';

function footprint(payload: string, spec: Partial<Footprint>): Footprint {
  return { payload, replaces: new Set(), reaches: new Map(), variables: new Map(), ...spec };
}

const CASES: readonly {
  readonly what: string;
  readonly first: Partial<Footprint>;
  readonly second: Partial<Footprint>;
  readonly found: readonly Overlap[];
}[] = [
  {
    what: 'different functions that reach the same third one',
    first: { replaces: new Set(['f']), reaches: new Map([['printk', ['f', 'printk']]]) },
    second: { replaces: new Set(['g']), reaches: new Map([['printk', ['g', 'printk']]]) },
    found: [],
  },
  {
    what: 'one function',
    first: { replaces: new Set(['f', 'g']) },
    second: { replaces: new Set(['g']) },
    found: [{ kind: 'function', name: 'g', path: ['g'] }],
  },
  {
    what: 'a function that the first one reaches',
    first: { replaces: new Set(['f']), reaches: new Map([['g', ['f', 'h', 'g']]]) },
    second: { replaces: new Set(['g']) },
    found: [{ kind: 'first-reaches-second', name: 'g', path: ['f', 'h', 'g'] }],
  },
  {
    what: 'a function that the second one reaches',
    first: { replaces: new Set(['g']) },
    second: { replaces: new Set(['f']), reaches: new Map([['g', ['f', 'g']]]) },
    found: [{ kind: 'second-reaches-first', name: 'g', path: ['f', 'g'] }],
  },
  {
    what: 'a variable that both only read',
    first: { variables: new Map([['v', 'read']]) },
    second: { variables: new Map([['v', 'read']]) },
    found: [],
  },
  {
    what: 'a variable that the first one writes',
    first: { variables: new Map([['v', 'write']]) },
    second: { variables: new Map([['v', 'read']]) },
    found: [{ kind: 'variable', name: 'v', path: [] }],
  },
  {
    what: 'a variable that both only count up and down again',
    first: { variables: new Map([['v', 'count']]) },
    second: { variables: new Map([['v', 'count']]) },
    found: [],
  },
  {
    what: 'a variable that one counts and the other reads',
    first: { variables: new Map([['v', 'read']]) },
    second: { variables: new Map([['v', 'count']]) },
    found: [],
  },
  {
    what: 'a variable that one counts and the other writes',
    first: { variables: new Map([['v', 'count']]) },
    second: { variables: new Map([['v', 'write']]) },
    found: [{ kind: 'variable', name: 'v', path: [] }],
  },
  {
    what: 'a variable that the second one writes',
    first: { variables: new Map([['v', 'read']]) },
    second: { variables: new Map([['v', 'write']]) },
    found: [{ kind: 'variable', name: 'v', path: [] }],
  },
];

describe('overlapsOf', () => {
  for (const { what, first, second, found } of CASES) {
    it(`finds ${found.length === 0 ? 'nothing' : 'it'} in two payloads with ${what}`, () => {
      assert.deepEqual(overlapsOf(footprint('a', first), footprint('b', second)), found);
    });
  }
});

describe('footprintOf', () => {
  let bare: CodeContext;
  before(async () => {
    bare = await demoSetting();
  });
  const of = (name: string) => {
    const { disassembler, base, model } = withApplied(bare, demoPayload(name));
    const code = runningCode(base, model);
    const own = code.payloads.find(({ payload }) => payload.name === name);
    assert.ok(own);
    return footprintOf(codeGraph(disassembler, code), own);
  };

  it('holds what new code reaches, by the path there', () => {
    const { replaces, reaches } = of('caller-fix');
    assert.deepEqual([...replaces], ['demo_total']);
    assert.deepEqual(reaches.get('demo_rate'), ['demo_total', 'demo_rate']);
    assert.equal(reaches.has('common/kernel.c#limit'), false);
  });

  it('holds the variables that its own code uses', () => {
    const { variables } = of('build-tools-shape');
    assert.ok(variables.has('common/kernel.c#saved_cmdline'), [...variables.keys()].join(', '));
  });

  it('holds what hooks reach', () => {
    const { reaches } = of('hook-apply');
    assert.deepEqual(reaches.get('common/livepatch.c#apply_payload')?.[0], 'apply hook');
  });
});
