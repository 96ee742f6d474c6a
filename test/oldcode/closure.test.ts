import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import {
  type CodeContext,
  type CodeGraph,
  closureOf,
  codeGraph,
  runningCode,
} from '../../core/oldcode/index.js';
import { surveyClosures } from '../bench/survey.js';
import { demoPayload, demoSetting, withApplied } from '../support/demo-code.js';
import { repositoryRoot } from '../support/repository.js';

const IMAGE = path.join(repositoryRoot(), 'payloads', 'demo', 'xen-syms-demo');
const objdumpMissing =
  spawnSync('objdump', ['--version']).status === 0
    ? false
    : 'objdump (binutils) is not installed: no ground truth to compare with';

let bare: CodeContext;
before(async () => {
  bare = await demoSetting();
});

function graphOf({ disassembler, base, model }: CodeContext): CodeGraph {
  return codeGraph(disassembler, runningCode(base, model));
}

function closureNames(graph: CodeGraph, name: string): readonly string[] {
  const root = graph.named(name);
  assert.ok(root, name);
  return closureOf(graph, root).nodes.map((node) => node.name);
}

describe('a closure', () => {
  it('holds what is called, and what is reached by a jump at the end', () => {
    assert.deepEqual(closureNames(graphOf(bare), 'demo_total'), [
      'demo_total',
      'demo_rate',
      'common/kernel.c#limit',
    ]);
  });

  it('leads through the trampoline to new code, and on to what that calls', () => {
    const graph = graphOf(withApplied(bare, demoPayload('callee-fix'), demoPayload('caller-fix')));
    const root = graph.named('demo_total');
    assert.ok(root);
    const { nodes } = closureOf(graph, root);
    assert.deepEqual(
      nodes.map(({ name, owner }) => [name, owner]),
      [
        ['demo_total', 'caller-fix'],
        ['demo_rate', 'callee-fix'],
      ],
    );
  });

  it('counts an indirect call as an edge to where nobody knows, a return thunk as none', () => {
    const graph = graphOf(bare);
    const unknown = (name: string) => graph.named(name)?.unknownEdges;
    assert.equal(unknown('handle_keypress'), 1);
    assert.equal(unknown('xen_extra_version'), 0);
    assert.deepEqual(graph.named('xen_extra_version')?.callees, []);
  });

  it('is what all closures computed together say', () => {
    const graph = graphOf(withApplied(bare, demoPayload('caller-fix')));
    const survey = surveyClosures(graph);
    assert.ok(survey.length >= bare.base.extents.length);
    for (const { node, functions, hasUnknownEdges } of survey) {
      const { nodes, unknownEdges } = closureOf(graph, node);
      assert.equal(functions, nodes.length, node.name);
      assert.equal(hasUnknownEdges, unknownEdges > 0, node.name);
    }
  });
});

describe('the edges of a function', { skip: objdumpMissing }, () => {
  it('are the calls and jumps out of it that objdump finds', () => {
    const graph = graphOf(bare);
    const { stdout } = spawnSync('objdump', ['-d', '--no-show-raw-insn', IMAGE], {
      encoding: 'latin1',
    });
    const branches = [...stdout.matchAll(/^([0-9a-f]+):\s+(?:call|j[a-z]+) +([0-9a-f]{16})\b/gm)];
    assert.ok(branches.length > 50, `${branches.length} branches`);
    const thunk = bare.base.symbols.lookup('__x86_return_thunk');
    const extentOf = (address: bigint) =>
      bare.base.extents.findLast((extent) => extent.address <= address);
    const expected = new Map<string, Set<bigint>>();
    for (const [, from = '0', to = '0'] of branches) {
      const [caller, callee] = [from, to].map((digits) => extentOf(BigInt(`0x${digits}`)));
      if (!caller || !callee || caller === callee || callee.address === thunk) continue;
      const known = expected.get(caller.name) ?? new Set();
      expected.set(caller.name, known.add(callee.address));
    }
    const found = bare.base.extents.flatMap(({ name, address }) => {
      const callees = graph.node(address)?.callees ?? [];
      return callees.length === 0 ? [] : [[name, new Set(callees)] as const];
    });
    assert.deepEqual(new Map(found), expected);
  });
});
