import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  codeGraph,
  explainDifference,
  type GuardSetting,
  guardPayload,
  recordPayload,
  runningCode,
} from '../../core/oldcode/index.js';
import { type Payload, readPayload } from '../../core/payload/index.js';
import type { Guard } from '../../core/stack/plan.js';
import { demoPayload, demoSetting, withApplied } from '../support/demo-code.js';

let bare: GuardSetting;
before(async () => {
  bare = await demoSetting();
});

function recorded(name: string, on: readonly Payload[] = [], expect = false): Payload {
  const payload = demoPayload(name);
  const { bytes } = recordPayload(withApplied(bare, ...on), payload, { expect });
  return readPayload(bytes, payload.file);
}

const equalComparison = {
  result: 'equal',
  basis: 'record',
  functions: 1,
  unknownEdges: 0,
} as const;

const codes = (findings: readonly { readonly code: string }[]) => findings.map(({ code }) => code);

describe('a function that is unchanged, while a function that it calls has changed', () => {
  it('is let pass by a comparison of bytes', () => {
    const code = runningCode(bare.base, withApplied(bare, demoPayload('callee-fix')).model);
    const address = bare.base.symbols.lookup('demo_total');
    assert.ok(address !== null);
    const bytes = code.model.memory.read(address, 16);
    assert.deepEqual(bytes, bare.model.memory.read(address, 16));
  });

  it('is refused by id where build-ids are compared', () => {
    const setting = withApplied(bare, demoPayload('callee-fix'));
    const verdict = guardPayload('build-id', setting, recorded('caller-fix'));
    assert.equal(verdict.passes, false);
    assert.deepEqual(codes(verdict.findings), ['wrong-parent']);
  });

  it('is refused with the path to the callee where old code is compared', () => {
    const setting = withApplied(bare, demoPayload('callee-fix'));
    const verdict = guardPayload('old-code', setting, recorded('caller-fix'));
    assert.equal(verdict.passes, false);
    assert.deepEqual(verdict.by, []);
    assert.deepEqual(codes(verdict.findings), ['old-code-differs']);
    const [finding] = verdict.findings;
    assert.match(finding?.message ?? '', /demo_total differs through demo_total → demo_rate/);
    assert.match(finding?.message ?? '', /payload "callee-fix"/);
    const [compared] = verdict.functions;
    assert.equal(compared?.name, 'demo_total');
    assert.ok(compared?.comparison.result === 'differs');
    assert.deepEqual(compared.comparison.path, ['demo_total', 'demo_rate']);
    assert.equal(compared.comparison.owner, 'callee-fix');
    assert.notEqual(compared.comparison.actual, compared.comparison.expected);
  });

  it('is explained side by side', () => {
    const setting = withApplied(bare, demoPayload('callee-fix'));
    const [compared] = guardPayload('old-code', setting, recorded('caller-fix')).functions;
    assert.ok(compared);
    const difference = explainDifference(setting, compared.comparison);
    assert.equal(difference?.function, 'demo_rate');
    assert.equal(difference.isLeftExpected, true);
    assert.equal(difference.owner, 'callee-fix');
    assert.deepEqual(
      difference.lines.map(({ isEqual, expected, actual }) => [
        isEqual,
        expected?.text.replace(/0xf.*/, expected.refersTo ?? ''),
        actual?.text,
      ]),
      [
        [false, 'lea 1(%rdi), %eax', 'lea 2(%rdi), %eax'],
        [false, 'jmp __x86_return_thunk', 'ret'],
      ],
    );
    assert.equal(explainDifference(bare, equalComparison), null);
  });

  it('is refused without a record too, as both touch the callee', () => {
    const setting = withApplied(bare, demoPayload('callee-fix'));
    const verdict = guardPayload('old-code', setting, demoPayload('caller-fix'));
    assert.equal(verdict.passes, false);
    assert.deepEqual(codes(verdict.findings), ['old-code-overlaps', 'record-absent']);
    assert.match(verdict.findings[0]?.message ?? '', /reaches demo_rate.*demo_total → demo_rate/);
    assert.equal(verdict.functions[0]?.comparison.result, 'unknown');
  });

  it('is refused in the other order as well: the callee must not change under the caller', () => {
    const setting = withApplied(bare, demoPayload('caller-fix'));
    for (const payload of [demoPayload('callee-fix'), recorded('callee-fix')]) {
      const verdict = guardPayload('old-code', setting, payload);
      assert.equal(verdict.passes, false);
      assert.ok(codes(verdict.findings).includes('old-code-overlaps'));
      const overlap = verdict.findings.find(({ code }) => code === 'old-code-overlaps');
      assert.match(
        overlap?.message ?? '',
        /replaces demo_rate, which payload "caller-fix" reaches/,
      );
    }
  });

  it('passes once it was recorded on the changed callee, and then not without it', () => {
    const fix = demoPayload('callee-fix');
    const payload = recorded('caller-fix', [fix]);
    const verdict = guardPayload('old-code', withApplied(bare, fix), payload);
    assert.deepEqual(verdict.findings, []);
    assert.deepEqual(verdict.by, ['old-code']);
    assert.equal(verdict.needsNodeps, true);
    assert.equal(guardPayload('old-code', bare, payload).passes, false);
  });
});

describe('two payloads that share nothing', () => {
  const orders = [
    ['independent-a', 'independent-b'],
    ['independent-b', 'independent-a'],
  ] as const;
  for (const [first, second] of orders) {
    it(`pass in the order ${first}, ${second} by old code, not by build-id`, () => {
      const setting = withApplied(bare, demoPayload(first));
      for (const payload of [demoPayload(second), recorded(second)]) {
        const verdict = guardPayload('old-code', setting, payload);
        assert.equal(verdict.passes, true);
        assert.equal(verdict.needsNodeps, true);
        assert.equal(verdict.functions[0]?.comparison.result, 'equal');
        assert.equal(guardPayload('build-id', setting, payload).passes, false);
        assert.equal(guardPayload('both', setting, payload).passes, false);
      }
    });
  }

  it('say on what the comparison rests', () => {
    const basisOf = (payload: Payload) => {
      const { comparison } = guardPayload('old-code', bare, payload).functions[0] ?? {};
      return comparison?.result === 'equal' ? comparison.basis : null;
    };
    assert.equal(basisOf(recorded('independent-a')), 'record');
    assert.equal(basisOf(demoPayload('independent-a')), 'derived');
  });
});

describe('a payload without a record', () => {
  /** Compared of how many bytes; the expectation has seven, which hello writes over. */
  const HOW_FAR = [
    { stack: [], payload: 'expect-right', result: 'equal', bytes: 7 },
    { stack: ['hello'], payload: 'expect-right', result: 'unknown', bytes: 0 },
    { stack: ['independent-a'], payload: 'expect-right', result: 'equal', bytes: 7 },
    { stack: [], payload: 'hello', result: 'equal', bytes: 0 },
    { stack: [], payload: 'bye', result: 'unknown', bytes: 0 },
  ] as const;
  for (const { stack, payload, result, bytes } of HOW_FAR) {
    const on = stack.length === 0 ? 'the bare hypervisor' : stack.join(', ');
    it(`has ${bytes} of 12 bytes compared: ${payload} on ${on}`, () => {
      const setting = withApplied(bare, ...stack.map(demoPayload));
      const { functions, findings } = guardPayload('old-code', setting, demoPayload(payload));
      const { comparison } = functions[0] ?? {};
      assert.equal(comparison?.result, result);
      assert.ok(comparison !== undefined && 'compared' in comparison);
      assert.deepEqual(comparison.compared, { bytes, of: 12 });
      const said = bytes === 0 ? /: none$/ : /: 7 of 12 bytes of xen_extra_version$/;
      const text = findings.find(
        ({ code }) => code === 'record-absent' || code === 'old-code-unknown',
      );
      assert.match(text?.message ?? '', said);
    });
  }
});

/** A payload to be applied on a stack, and what each guard says. */
const CASES: readonly {
  readonly stack: readonly string[];
  readonly payload: string;
  readonly passes: Readonly<Record<Guard, boolean>>;
  readonly findings: readonly string[];
}[] = [
  {
    stack: [],
    payload: 'hello',
    passes: { 'build-id': true, 'old-code': true, both: true, nodeps: true },
    findings: ['record-absent'],
  },
  {
    stack: ['hello'],
    payload: 'bye',
    passes: { 'build-id': true, 'old-code': true, both: true, nodeps: true },
    findings: ['record-absent'],
  },
  {
    stack: ['hello', 'independent-a'],
    payload: 'bye',
    passes: { 'build-id': false, 'old-code': true, both: false, nodeps: true },
    findings: ['record-absent'],
  },
  {
    stack: [],
    payload: 'bye',
    passes: { 'build-id': false, 'old-code': false, both: false, nodeps: true },
    findings: ['old-code-unknown'],
  },
  {
    stack: ['hello'],
    payload: 'replace',
    passes: { 'build-id': false, 'old-code': false, both: false, nodeps: true },
    findings: ['old-code-overlaps', 'record-absent'],
  },
  {
    stack: ['hello'],
    payload: 'expect-right',
    passes: { 'build-id': false, 'old-code': false, both: false, nodeps: true },
    findings: ['expectation-fails', 'old-code-overlaps', 'record-absent'],
  },
  {
    stack: [],
    payload: 'expect-wrong',
    passes: { 'build-id': true, 'old-code': false, both: false, nodeps: true },
    findings: ['expectation-fails', 'record-absent'],
  },
  {
    stack: ['independent-a'],
    payload: 'wrong-depends',
    passes: { 'build-id': false, 'old-code': false, both: false, nodeps: true },
    findings: ['old-code-unknown'],
  },
  {
    stack: [],
    payload: 'unknown-function',
    passes: { 'build-id': true, 'old-code': false, both: false, nodeps: true },
    findings: ['trial-upload-failed'],
  },
];

describe('guardPayload', () => {
  for (const { stack, payload, passes, findings } of CASES) {
    const on = stack.length === 0 ? 'the bare hypervisor' : stack.join(', ');
    for (const guard of ['build-id', 'old-code', 'both', 'nodeps'] as const) {
      it(`${passes[guard] ? 'lets' : 'does not let'} ${payload} pass on ${on} by ${guard}`, () => {
        const setting = withApplied(bare, ...stack.map(demoPayload));
        const verdict = guardPayload(guard, setting, demoPayload(payload));
        assert.equal(verdict.passes, passes[guard]);
        assert.equal(verdict.by.length > 0, passes[guard]);
        if (guard === 'old-code') assert.deepEqual(codes(verdict.findings), findings);
      });
    }
  }

  it('finds a payload equal whose callee was moved but is the same', () => {
    const setting = withApplied(bare, demoPayload('callee-fix'));
    // Recorded on the callee at one address, compared with it at another, behind a filler.
    const payload = recorded('caller-fix', [demoPayload('callee-fix')]);
    const moved = withApplied(bare, demoPayload('metadata'), demoPayload('callee-fix'));
    const addressIn = ({ base, disassembler, model }: GuardSetting) =>
      codeGraph(disassembler, runningCode(base, model)).named('demo_rate')?.address;
    assert.notEqual(addressIn(setting), addressIn(moved));
    assert.equal(guardPayload('old-code', moved, payload).passes, true);
  });
});
