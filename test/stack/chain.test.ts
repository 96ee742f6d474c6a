import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ChainMember } from '../../core/payload/plan-payload.js';
import { checkChain } from '../../core/stack/chain.js';
import { cpuMs } from '../support/cpu-time.js';
import { chainOf, idOf, payloadFile, XEN_ID } from '../support/stack-builders.js';

const codes = (members: readonly ChainMember[]) =>
  checkChain(members, XEN_ID).findings.map((f) => `${f.severity} ${f.code} ${f.file ?? ''}`.trim());

const files = (members: readonly ChainMember[]) => members.map((m) => m.file);

const a = payloadFile('a', null);
const b = payloadFile('b', 'a');
const c = payloadFile('c', 'b');
const foreign = idOf('other hypervisor');

describe('checkChain', () => {
  const table: readonly {
    readonly name: string;
    readonly members: readonly ChainMember[];
    readonly findings: readonly string[];
    readonly chain: readonly string[];
    readonly cumulative?: readonly string[];
  }[] = [
    { name: 'nothing at all', members: [], findings: ['error no-payloads'], chain: [] },
    {
      name: 'three in any order',
      members: [c, a, b],
      findings: [],
      chain: ['a.livepatch', 'b.livepatch', 'c.livepatch'],
    },
    {
      name: 'one alone is nothing to be said of (A7)',
      members: [a],
      findings: [],
      chain: ['a.livepatch'],
      cumulative: ['a.livepatch'],
    },
    {
      name: "one alone with XenServer's name is cumulative",
      members: [payloadFile('lp_4.13.4-1-4.13.4-2', null)],
      findings: ['note cumulative lp_4.13.4-1-4.13.4-2.livepatch'],
      chain: ['lp_4.13.4-1-4.13.4-2.livepatch'],
      cumulative: ['lp_4.13.4-1-4.13.4-2.livepatch'],
    },
    {
      name: 'the same file twice counts once',
      members: [a, b, a],
      findings: [],
      chain: ['a.livepatch', 'b.livepatch'],
    },
    {
      name: 'one-off fixes on one parent are too many (A8)',
      members: [a, payloadFile('z', null), payloadFile('m', null)],
      findings: ['error several-roots a.livepatch'],
      chain: [],
      cumulative: ['a.livepatch', 'm.livepatch', 'z.livepatch'],
    },
    {
      name: 'alternatives: each replaces all that the one before does',
      members: [
        payloadFile('x', null, { functions: ['f'] }),
        payloadFile('y', null, { functions: ['f', 'g'] }),
        payloadFile('z', null, { functions: ['f', 'g', 'h'] }),
      ],
      findings: ['warning several-cumulative x.livepatch'],
      chain: [],
      cumulative: ['x.livepatch', 'y.livepatch', 'z.livepatch'],
    },
    {
      name: 'two that share a function and have one of their own each',
      members: [
        payloadFile('x', null, { functions: ['f', 'g'] }),
        payloadFile('y', null, { functions: ['f', 'h'] }),
      ],
      findings: ['error several-roots x.livepatch'],
      chain: [],
      cumulative: ['x.livepatch', 'y.livepatch'],
    },
    {
      name: "alternatives by XenServer's name",
      members: [payloadFile('lp_1-2', null), payloadFile('lp_1-3', null), a],
      findings: ['warning several-cumulative a.livepatch'],
      chain: [],
      cumulative: ['a.livepatch', 'lp_1-2.livepatch', 'lp_1-3.livepatch'],
    },
    {
      name: 'a second root beside a chain',
      members: [a, b, payloadFile('z', null)],
      findings: ['error several-roots a.livepatch'],
      chain: [],
      cumulative: ['z.livepatch'],
    },
    {
      name: 'two roots that do not say for which hypervisor they are',
      members: [
        payloadFile('x', null, { xenDepends: null }),
        payloadFile('y', null, { xenDepends: null }),
      ],
      findings: ['error several-roots x.livepatch'],
      chain: [],
    },
    {
      name: 'a fork higher up',
      members: [a, b, payloadFile('b2', 'a'), c],
      findings: ['error fork b.livepatch'],
      chain: ['a.livepatch'],
    },
    {
      name: 'a missing parent',
      members: [a, c],
      findings: ['error missing-parent c.livepatch'],
      chain: ['a.livepatch'],
      cumulative: ['a.livepatch'],
    },
    {
      name: 'a file on itself',
      members: [a, payloadFile('s', 's')],
      findings: ['error cycle s.livepatch'],
      chain: ['a.livepatch'],
      cumulative: ['a.livepatch'],
    },
    {
      name: 'a circle and what hangs on it',
      members: [
        payloadFile('x', 'y'),
        payloadFile('y', 'z'),
        payloadFile('z', 'x'),
        payloadFile('t', 'x'),
      ],
      findings: ['error fork t.livepatch', 'error cycle x.livepatch'],
      chain: [],
    },
    {
      name: 'the same bytes in two files',
      members: [a, b, { ...a, file: 'copy.livepatch' }],
      findings: ['error duplicate-content a.livepatch'],
      chain: ['a.livepatch', 'b.livepatch'],
    },
    {
      name: 'the same id in different files',
      members: [a, b, payloadFile('b3', 'a', { buildId: b.buildId })],
      findings: ['error duplicate-build-id b.livepatch'],
      chain: ['a.livepatch', 'b.livepatch'],
    },
    {
      name: "the hypervisor's own id",
      members: [a, payloadFile('h', 'a', { buildId: XEN_ID })],
      findings: ['error duplicate-build-id h.livepatch'],
      chain: ['a.livepatch'],
      cumulative: ['a.livepatch'],
    },
    {
      name: 'all for another hypervisor: one finding, and none for its absence',
      members: [
        payloadFile('x', null, { depends: foreign, xenDepends: foreign }),
        payloadFile('y', 'x', { xenDepends: foreign }),
      ],
      findings: ['error wrong-hypervisor x.livepatch'],
      chain: [],
    },
    {
      name: 'no id of its own: the reader says so, here it is a note',
      members: [a, payloadFile('n', 'a', { buildId: null })],
      findings: ['note not-linked n.livepatch'],
      chain: ['a.livepatch'],
      cumulative: ['a.livepatch'],
    },
    {
      name: 'no parent: what builds on it does not miss it',
      members: [a, payloadFile('n', 'a', { depends: null }), payloadFile('o', 'n')],
      findings: ['note not-linked n.livepatch'],
      chain: ['a.livepatch'],
      cumulative: ['a.livepatch'],
    },
  ];
  for (const row of table) {
    it(row.name, () => {
      const report = checkChain(row.members, XEN_ID);
      assert.deepEqual(codes(row.members), row.findings);
      assert.deepEqual(files(report.chain), row.chain);
      assert.deepEqual(files(report.cumulative), row.cumulative ?? []);
    });
  }

  it('names the missing id once, and counts what hangs on the gap', () => {
    const thirty = chainOf(30);
    const report = checkChain(
      thirty.filter((m) => m.name !== 'p15'),
      XEN_ID,
    );
    assert.equal(report.findings.length, 1);
    const [finding] = report.findings;
    assert.equal(finding?.code, 'missing-parent');
    assert.equal(finding?.expected, idOf('p15'));
    assert.equal(finding?.message.split(idOf('p15')).length, 2);
    assert.equal(finding?.file, 'p16.livepatch');
    assert.equal(finding?.otherFiles?.length, 14);
    assert.match(finding?.hint ?? '', /14 more hang on it: p17\.livepatch … p30\.livepatch/);
    assert.deepEqual(files(report.chain), files(thirty.slice(0, 14)));
  });

  it('says both ids of a wrong hypervisor', () => {
    const [finding] = checkChain(
      [payloadFile('x', null, { xenDepends: foreign })],
      XEN_ID,
    ).findings;
    assert.equal(finding?.actual, foreign);
    assert.equal(finding?.expected, XEN_ID);
    assert.ok(finding?.message.includes(foreign) && finding.message.includes(XEN_ID));
  });

  it('suspects the file whose id cannot be read when a parent is missing', () => {
    const unreadable = { ...b, buildId: null };
    const finding = checkChain([a, unreadable, c], XEN_ID).findings.find(
      (f) => f.code === 'missing-parent',
    );
    assert.match(finding?.hint ?? '', /It may be b\.livepatch/);
  });

  it('chains on the top of a stack as on the hypervisor', () => {
    const report = checkChain([c, b], XEN_ID, idOf('a'));
    assert.deepEqual(report.findings, []);
    assert.deepEqual(files(report.chain), ['b.livepatch', 'c.livepatch']);
    assert.deepEqual(report.cumulative, []);
  });

  it('finds the one order of any shuffled chain', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 2, max: 40 })
          .chain((n) => fc.shuffledSubarray(chainOf(n), { minLength: n, maxLength: n })),
        (shuffled) => {
          const report = checkChain(shuffled, XEN_ID);
          assert.deepEqual(report.findings, []);
          assert.deepEqual(report.chain, chainOf(shuffled.length));
        },
      ),
    );
  });

  it('gives one report for a set of payloads, however they are linked and ordered', () => {
    const words = ['a', 'b', 'c', 'd', 'e', 'f'];
    const graph = fc.array(fc.constantFrom(null, 'gone', ...words), {
      minLength: words.length,
      maxLength: words.length,
    });
    fc.assert(
      fc.property(graph, fc.shuffledSubarray(words, { minLength: 6 }), (parents, order) => {
        const members = words.map((word, i) => payloadFile(word, parents[i] ?? null));
        const shuffled = order.flatMap((word) => members.filter((m) => m.name === word));
        const report = checkChain(members, XEN_ID);
        assert.deepEqual(checkChain(shuffled, XEN_ID), report);
        const isFine = report.findings.every((f) => f.severity !== 'error');
        // No error means that all are in the chain, or all are alternatives.
        if (isFine) assert.equal(Math.max(report.chain.length, report.cumulative.length), 6);
        else assert.ok(report.chain.length < 6);
        for (const [i, member] of report.chain.entries()) {
          assert.equal(member.depends, report.chain[i - 1]?.buildId ?? XEN_ID);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('takes linear time: ten times the payloads, far less than a hundred times the time', () => {
    const time = (count: number) => {
      const members = chainOf(count).reverse();
      const start = cpuMs();
      assert.equal(checkChain(members, XEN_ID).chain.length, count);
      const broken = members.filter((_, i) => i !== count - 2);
      assert.equal(checkChain(broken, XEN_ID).findings.length, 1);
      const circle = [...members.slice(0, -1), payloadFile('p01', `p${count}`)];
      assert.equal(checkChain(circle, XEN_ID).findings.length, 1);
      return cpuMs() - start;
    };
    const best = (count: number) => Math.min(time(count), time(count), time(count));
    const small = best(2_000);
    const large = best(20_000);
    assert.ok(large < Math.max(1, small) * 60, `${small} ms for 2,000, ${large} ms for 20,000`);
  });
});
