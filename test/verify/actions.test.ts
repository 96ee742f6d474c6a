import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SHF } from '../../core/elf/constants.js';
import {
  type Answer,
  apply,
  findPayload,
  type Model,
  replace,
  revert,
  unload,
  upload,
} from '../../core/verify/index.js';
import { nopBytes } from '../../core/verify/patching.js';
import { hexBytes } from '../support/elf-builder.js';
import { type FunctionSpec, idBytes, type PayloadSpec } from '../support/payload-builder.js';
import {
  addressOf,
  note,
  plainFunction,
  TEXT,
  tinyModel,
  tinyPayload,
  verdictLine,
  XEN_ID,
} from '../support/tiny-model.js';

const CHECKED_DEPENDS = { nodeps: false };
const NODEPS = { nodeps: true };

/** Uploads payloads of one function each. Their names of strings differ, so that none is a duplicate. */
function withPayloads(release: string, specs: Readonly<Record<string, PayloadSpec>>): Model {
  return Object.entries(specs).reduce((model, [name, spec], i) => {
    const renamed = uploadable(i + 1, spec);
    const answer = upload(model, name, renamed);
    assert.equal(verdictLine(answer), 'accepted', name);
    return answer.model;
  }, tinyModel(release));
}

/** A payload whose only new symbol is its own. */
function uploadable(id: number, spec: PayloadSpec): Uint8Array {
  const bytes = tinyPayload({ buildId: note(idBytes(id)), ...spec });
  return renamed(bytes, 'strings', `string${id}`);
}

function renamed(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const at = Buffer.from(bytes).indexOf(`${from}\0`);
  const copy = Uint8Array.from(bytes);
  copy.set(Buffer.from(to), at);
  return copy;
}

function answers({ verdict }: Answer): readonly [number | null, number | null] {
  return [verdict.hypercallRc, verdict.payloadRc];
}

const lines = ({ verdict }: Answer) => verdict.log.map(({ text }) => text);
const done = (answer: Answer): Model => {
  assert.equal(verdictLine(answer), 'accepted');
  return answer.model;
};
const onXen: PayloadSpec = { depends: note(XEN_ID) };
const onFirst: PayloadSpec = {
  depends: note(idBytes(1)),
  functions: [plainFunction({ name: 'other_fn' })],
};
const withData: PayloadSpec = {
  ...onXen,
  extraSections: [{ name: '.data', flags: SHF.ALLOC | SHF.WRITE, data: Uint8Array.of(1) }],
};
const code = (model: Model, name: string, length: number) =>
  Buffer.from(model.memory.read(addressOf(name), length)).toString('hex');

describe('two answers to every action', () => {
  it('APPLY of an applied, REVERT of a checked, REPLACE by an applied one do nothing', () => {
    const model = withPayloads('4.17.7', { a: onXen });
    const applied = done(apply(model, 'a', CHECKED_DEPENDS));
    for (const answer of [apply(applied, 'a', CHECKED_DEPENDS), replace(applied, 'a')]) {
      assert.deepEqual(answers(answer), [0, 0]);
      assert.equal(answer.model, applied);
    }
    const nothing = revert(model, 'a');
    assert.deepEqual(answers(nothing), [0, 0]);
    assert.equal(nothing.model, model);
  });

  it('nothing to do leaves the rc of the last refusal, and is no refusal', () => {
    const first = done(apply(withPayloads('4.17.7', { a: withData }), 'a', CHECKED_DEPENDS));
    const refused = apply(done(revert(first, 'a')), 'a', CHECKED_DEPENDS);
    assert.deepEqual(answers(refused), [0, -22]);
    const again = revert(refused.model, 'a');
    assert.deepEqual(answers(again), [0, -22]);
    assert.equal(verdictLine(again), 'accepted');
  });

  it('APPLY of a reverted payload with data: the hypercall returns 0, the payload -EINVAL', () => {
    const model = done(apply(withPayloads('4.17.7', { a: withData }), 'a', CHECKED_DEPENDS));
    const answer = apply(done(revert(model, 'a')), 'a', CHECKED_DEPENDS);
    assert.deepEqual(answers(answer), [0, -22]);
    assert.equal(
      verdictLine(answer),
      "refused re-apply EINVAL: a: can't revert as payload has .data. Please unload",
    );
    assert.equal(findPayload(answer.model, 'a')?.rc, -22);
  });

  it('APPLY of a reverted payload without data', () => {
    const model = done(apply(withPayloads('4.17.7', { a: onXen }), 'a', CHECKED_DEPENDS));
    done(apply(done(revert(model, 'a')), 'a', CHECKED_DEPENDS));
  });

  it('a name that nobody has', () => {
    const model = tinyModel('4.17.7');
    for (const answer of [
      unload(model, 'x'),
      revert(model, 'x'),
      apply(model, 'x', NODEPS),
      replace(model, 'x'),
    ]) {
      assert.deepEqual(answers(answer), [-2, null]);
      assert.equal(verdictLine(answer), 'refused lookup ENOENT');
    }
  });

  it('UNLOAD of an applied payload, and of one that is not', () => {
    const model = withPayloads('4.17.7', { a: onXen });
    const refused = unload(done(apply(model, 'a', CHECKED_DEPENDS)), 'a');
    assert.deepEqual(answers(refused), [-22, 0]);
    const gone = unload(model, 'a');
    assert.deepEqual(answers(gone), [0, null]);
    assert.deepEqual(gone.model.payloads, []);
    assert.equal(gone.model.memory.regions.length, tinyModel('4.17.7').memory.regions.length);
  });

  it('REVERT under another', () => {
    const a = done(apply(withPayloads('4.17.7', { a: onXen, b: onFirst }), 'a', CHECKED_DEPENDS));
    const b = done(apply(a, 'b', CHECKED_DEPENDS));
    const answer = revert(b, 'a');
    assert.deepEqual(answers(answer), [-16, 0]);
    assert.equal(verdictLine(answer), "refused top-of-stack EBUSY: a: can't unload. Top is b");
  });
});

describe('.livepatch.depends', () => {
  const model = withPayloads('4.17.7', { a: onXen, b: onFirst });
  it('is compared with the hypervisor while nothing is applied', () => {
    assert.equal(
      verdictLine(apply(model, 'b', CHECKED_DEPENDS)),
      'refused dependency EINVAL: b: check against hypervisor build-id failed',
    );
  });
  it('is compared with the top', () => {
    const b = done(apply(done(apply(model, 'a', CHECKED_DEPENDS)), 'b', CHECKED_DEPENDS));
    const c = upload(b, 'c', uploadable(3, onFirst)).model;
    assert.equal(
      verdictLine(apply(c, 'c', CHECKED_DEPENDS)),
      'refused dependency EINVAL: c: check against b build-id failed',
    );
  });
  it('is skipped with NODEPS, since 4.14', () => {
    done(apply(model, 'b', NODEPS));
    const old = withPayloads('4.13.5', { b: { ...onFirst, version: 1 } });
    assert.equal(
      verdictLine(apply(old, 'b', NODEPS)),
      'refused dependency EINVAL: b: check against hypervisor build-id failed',
    );
  });
  it('REPLACE compares with the hypervisor, always', () => {
    const a = done(apply(model, 'a', CHECKED_DEPENDS));
    assert.equal(
      verdictLine(replace(a, 'b')),
      'refused dependency EINVAL: b: check against hypervisor build-id failed',
    );
  });
});

describe('expectations', () => {
  const expecting = (hex: string, override: Partial<FunctionSpec> = {}, flags = 0) => {
    const data = hexBytes(hex);
    const expect = Uint8Array.of(1 | (data.length << 1) | flags, ...data);
    return { ...onXen, functions: [plainFunction({ expect, ...override })] };
  };
  const cases: readonly (readonly [string, PayloadSpec, string])[] = [
    ['met', expecting('55 48 89 e5'), 'accepted'],
    ['of nothing', expecting(''), 'accepted'],
    [
      'not met',
      expecting('55 49'),
      'refused expectations EINVAL: a: expectations of plain_fn failed (rc=-22), aborting!',
    ],
    [
      'longer than the function',
      expecting('55 48 89 e5 31 c0', { oldSize: 5 }),
      'refused expectations ERANGE: a: expectations of plain_fn failed (rc=-34), aborting!',
    ],
    [
      'with a reserved bit',
      expecting('55', {}, 0x40),
      'refused expectations EINVAL: a: expectations of plain_fn failed (rc=-22), aborting!',
    ],
    [
      'disabled',
      { ...onXen, functions: [plainFunction({ expect: Uint8Array.of(4, 0, 0) })] },
      'accepted',
    ],
  ];
  for (const [title, spec, expected] of cases) {
    it(title, () => {
      const model = withPayloads('4.17.7', { a: spec });
      assert.equal(verdictLine(apply(model, 'a', CHECKED_DEPENDS)), expected);
    });
  }
});

describe('REPLACE', () => {
  it('reverts from the top down, then applies', () => {
    const loaded = withPayloads('4.17.7', { a: onXen, b: onFirst, c: onXen });
    const b = done(apply(done(apply(loaded, 'a', CHECKED_DEPENDS)), 'b', CHECKED_DEPENDS));
    const answer = replace(b, 'c');
    assert.deepEqual(lines(answer), [
      'b: Reverting',
      'a: Reverting',
      'c: Verifying enabled expectations for all functions',
      'c: Applying 1 functions',
      'c finished REPLACE with rc=0',
    ]);
    assert.deepEqual(answer.model.applied, ['c']);
    assert.equal(code(answer.model, 'other_fn', 5), code(loaded, 'other_fn', 5));
  });

  it('leaves the host with no patch at all when the expectations fail', () => {
    const wrong = {
      ...onXen,
      functions: [plainFunction({ expect: Uint8Array.of(1 | (1 << 1), 0x90) })],
    };
    const loaded = withPayloads('4.17.7', { a: onXen, b: wrong });
    const answer = replace(done(apply(loaded, 'a', CHECKED_DEPENDS)), 'b');
    assert.deepEqual(answers(answer), [0, -22]);
    assert.equal(
      verdictLine(answer),
      'refused expectations EINVAL: b: SYSTEM MIGHT BE INSECURE: Replace action has been aborted after reverting ALL payloads!',
    );
    assert.deepEqual(answer.model.applied, []);
    assert.equal(lines(answer).at(-1), 'b finished REPLACE with rc=-22');
  });

  it('re-applies dirty data: the rule of APPLY is not asked', () => {
    const model = done(apply(withPayloads('4.17.7', { a: withData }), 'a', CHECKED_DEPENDS));
    assert.equal(verdictLine(replace(done(revert(model, 'a')), 'a')), 'accepted');
  });

  for (const kind of ['preapply', 'postapply', 'prerevert', 'postrevert'] as const) {
    it(`is refused where the new or an applied payload has a ${kind} hook`, () => {
      const hooked = { ...onXen, hooks: { [kind]: ['hook'] } };
      const loaded = withPayloads('4.17.7', { a: onXen, b: hooked });
      const refused =
        'refused vetoing-hooks EOPNOTSUPP: X: REPLACE action is not supported on livepatches with vetoing hooks!';
      assert.equal(verdictLine(replace(loaded, 'b')), refused.replace('X', 'b'));
      const hookedBelow = done(apply(loaded, 'b', CHECKED_DEPENDS));
      assert.equal(verdictLine(replace(hookedBelow, 'a')), refused.replace('X', 'a'));
    });
  }
});

describe('hooks', () => {
  it('are taken to succeed, and the verdict says so', () => {
    const spec = {
      ...onXen,
      hooks: Object.fromEntries(
        ['load', 'unload', 'preapply', 'postapply', 'prerevert', 'postrevert'].map((kind) => [
          kind,
          [`${kind}_hook`],
        ]),
      ),
    };
    const answer = apply(withPayloads('4.17.7', { a: spec }), 'a', CHECKED_DEPENDS);
    assert.deepEqual(lines(answer), [
      'a: Verifying enabled expectations for all functions',
      'a: Calling pre-apply hook function',
      'a: Applying 1 functions',
      'a: Calling post-apply hook function with rc=0',
      'a finished APPLY with rc=0',
    ]);
    assert.deepEqual(answer.verdict.assumptions, [
      'the preapply hook of a returns 0',
      'the 1 load hook(s) of a do no harm',
      'the postapply hook of a returns 0',
    ]);
    const back = revert(answer.model, 'a');
    assert.deepEqual(lines(back), [
      'a: Calling pre-revert hook function',
      'a: Reverting',
      'a: Calling post-revert hook function with rc=0',
      'a finished REVERT with rc=0',
    ]);
  });

  it('an apply hook takes the place of the patching', () => {
    const model = withPayloads('4.17.7', { a: { ...onXen, hooks: { apply: ['own_apply'] } } });
    const answer = apply(model, 'a', CHECKED_DEPENDS);
    assert.ok(lines(answer).includes('a: Calling apply action hook function'));
    assert.equal(code(answer.model, 'plain_fn', 5), code(model, 'plain_fn', 5));
  });
});

describe('patching', () => {
  const offsets: readonly (readonly [string, string, number])[] = [
    ['plain_fn', '4.17.7', 0],
    ['endbr_fn', '4.14.0', 0],
    ['endbr_fn', '4.14.6', 4],
    ['poisoned_fn', '4.14.6', 0],
    ['poisoned_fn', '4.17.7', 4],
  ];
  for (const [name, release, offset] of offsets) {
    it(`the jump of ${name} is at ${offset} in ${release}`, () => {
      const loaded = withPayloads(release, {
        a: { ...onXen, functions: [plainFunction({ name })] },
      });
      const { memory, payloads } = done(apply(loaded, 'a', CHECKED_DEPENDS));
      const site = addressOf(name) + BigInt(offset);
      assert.equal(memory.u8(site), 0xe9);
      assert.equal(site + 5n + BigInt(memory.i32(site + 1n)), payloads[0]?.text.address);
      assert.deepEqual(
        memory.read(addressOf(name), offset),
        loaded.memory.read(addressOf(name), offset),
      );
    });
  }

  it('a NOP behind ENDBR64 is shorter by it', () => {
    const spec = {
      ...onXen,
      functions: [plainFunction({ name: 'endbr_fn', newAddress: null, newSize: 9 })],
    };
    const model = done(apply(withPayloads('4.17.7', { a: spec }), 'a', CHECKED_DEPENDS));
    assert.equal(code(model, 'endbr_fn', 10), 'f30f1efa0f1f440000c0');
  });

  it('a NOP shorter than the ENDBR64 in front of it copies 4 GiB', () => {
    const spec = {
      ...onXen,
      functions: [plainFunction({ name: 'endbr_fn', newAddress: null, newSize: 3 })],
    };
    const answer = apply(withPayloads('4.17.7', { a: spec }), 'a', CHECKED_DEPENDS);
    assert.match(verdictLine(answer), /^fatal patching: write of unmapped address/);
  });

  it('NOPs of every length', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5, 8, 9, 13].map((n) => Buffer.from(nopBytes(n)).toString('hex')),
      [
        '90',
        '6690',
        '0f1f00',
        '0f1f4000',
        '0f1f440000',
        '0f1f840000000000',
        '0f1f84000000000090',
        '0f1f8400000000000f1f440000',
      ],
    );
    for (let n = 0; n <= 31; n++) assert.equal(nopBytes(n).length, n);
  });

  it('metadata is printed line by line', () => {
    const modinfo = Buffer.from('author=me\0version=1\0');
    const model = withPayloads('4.17.7', { a: { ...onXen, modinfo } });
    assert.deepEqual(lines(apply(model, 'a', CHECKED_DEPENDS)).slice(2, 5), [
      'module metadata:',
      '  author=me',
      '  version=1',
    ]);
  });
});

describe('sequences', () => {
  type Step = readonly ['apply' | 'revert' | 'replace' | 'unload', 'a' | 'b' | 'c'];
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom('apply', 'revert', 'replace', 'unload'),
    fc.constantFrom('a', 'b', 'c'),
  );
  const perform = (model: Model, [verb, name]: Step): Model => {
    switch (verb) {
      case 'apply':
        return apply(model, name, NODEPS).model;
      case 'revert':
        return revert(model, name).model;
      case 'replace':
        return replace(model, name).model;
      case 'unload':
        return unload(model, name).model;
    }
  };

  it('with everything reverted, the text is what it was, byte for byte', () => {
    const start = withPayloads('4.17.7', {
      a: onXen,
      b: { ...onXen, functions: [plainFunction({ newSize: 7, newAddress: null })] },
      c: { ...onXen, functions: [plainFunction(), plainFunction({ name: 'endbr_fn' })] },
    });
    const before = start.memory.read(TEXT, 0x2000).slice();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const end = steps.reduce(perform, start);
        const bare = [...end.applied].reverse().reduce((m, name) => revert(m, name).model, end);
        assert.deepEqual(bare.applied, []);
        assert.ok(Buffer.from(bare.memory.read(TEXT, 0x2000)).equals(before));
        assert.ok(Buffer.from(start.memory.read(TEXT, 0x2000)).equals(before));
      }),
      { numRuns: 200 },
    );
  });

  it('the list of the applied and the states agree after every step', () => {
    const start = withPayloads('4.20.4', { a: onXen, b: onFirst, c: withData });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let model = start;
        for (const next of steps) {
          model = perform(model, next);
          const applied = model.payloads.filter(({ state }) => state === 'APPLIED');
          assert.deepEqual(applied.map(({ name }) => name).sort(), [...model.applied].sort());
          for (const { functionStates, state } of model.payloads) {
            assert.ok(functionStates.every((f) => f.applied === (state === 'APPLIED')));
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
