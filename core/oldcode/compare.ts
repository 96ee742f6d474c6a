import type { CodeGraph } from './graph.js';
import type { CodeRecord, RecordedNode } from './record.js';

/** How the code that a function has now compares with what the payload was made against. */
export type Comparison =
  | {
      /** It is the same, as far as calls can be followed. */
      readonly result: 'equal';
      /**
       * `record`: every digest was compared. `derived`: nothing that it reaches was replaced since it was
       * made, by what the build-ids say.
       */
      readonly basis: 'record' | 'derived';
      /** How many functions that is. */
      readonly functions: number;
      /** Calls and jumps in them that could not be followed. */
      readonly unknownEdges: number;
    }
  | {
      readonly result: 'differs';
      /** From the function to the one that differs, over calls and jumps. One name: itself. */
      readonly path: readonly string[];
      /** True where the new code calls it, false where the old code did. */
      readonly isThroughNewCode: boolean;
      readonly expected: string;
      /** Null where there is no such function any more. */
      readonly actual: string | null;
      /** Payload that the differing code is in now; null for the hypervisor. */
      readonly owner: string | null;
      /** Functions that differ altogether, this one included. */
      readonly differences: number;
    }
  | {
      /** It cannot be told. */
      readonly result: 'unknown';
      readonly reason: string;
      /** How many bytes of its old code were found to be as the payload's own expectation says. */
      readonly comparedBytes: number;
    };

/** The comparison of one function that a payload replaces. */
export interface FunctionComparison {
  /** As the payload's entry names it. Escape before printing. */
  readonly name: string;
  readonly comparison: Comparison;
}

/** Compares a record with the code that runs now, function by function, nearest callees first. */
export function compareRecord(graph: CodeGraph, record: CodeRecord): readonly FunctionComparison[] {
  const current = new Map<number, ReturnType<CodeGraph['named']>>();
  const now = (place: number, { name }: RecordedNode) => {
    const known = current.get(place);
    if (known !== undefined) return known;
    const node = graph.named(name);
    current.set(place, node);
    return node;
  };
  return record.functions.map(({ name, oldCode, newCallees }) => {
    if (oldCode === null) {
      const reason = 'no code was known to begin at its address when the record was made';
      return { name, comparison: { result: 'unknown', reason, comparedBytes: 0 } };
    }
    // Where each function was reached from; the roots from nowhere.
    const reachedFrom = new Map<number, number | null>([[oldCode, null]]);
    for (const place of newCallees) if (!reachedFrom.has(place)) reachedFrom.set(place, null);
    let unknownEdges = 0;
    const different: number[] = [];
    // Breadth first: a map yields what is added while it is walked, each function once.
    for (const place of reachedFrom.keys()) {
      const node = record.nodes[place];
      if (node === undefined) continue;
      unknownEdges += node.unknownEdges;
      if (now(place, node)?.digest !== node.digest) different.push(place);
      for (const callee of node.callees)
        if (!reachedFrom.has(callee)) reachedFrom.set(callee, place);
    }
    const [first] = different;
    if (first === undefined) {
      return {
        name,
        comparison: { result: 'equal', basis: 'record', functions: reachedFrom.size, unknownEdges },
      };
    }
    const path = pathTo(first, reachedFrom);
    const isThroughNewCode = path[0] !== oldCode;
    const names = path.map((place) => record.nodes[place]?.name ?? '');
    const actual = graph.named(record.nodes[first]?.name ?? '');
    return {
      name,
      comparison: {
        result: 'differs',
        path: isThroughNewCode ? [name, ...names] : names,
        isThroughNewCode,
        expected: record.nodes[first]?.digest ?? '',
        actual: actual?.digest ?? null,
        owner: actual?.owner ?? null,
        differences: different.length,
      },
    };
  });
}

function pathTo(last: number, reachedFrom: ReadonlyMap<number, number | null>): readonly number[] {
  const path: number[] = [];
  let at: number | null = last;
  // Each step leads to one that was reached before.
  while (at !== null) {
    path.unshift(at);
    at = reachedFrom.get(at) ?? null;
  }
  return path;
}
