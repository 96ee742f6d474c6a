import type { CodeNode } from './analyse.js';
import type { CodeRecord, RecordedFunction, RecordedNode } from './code-record.js';
import { outsideCallees, type Trial, type TriedFunction } from './trial-load.js';

/** How the code that a function has now compares with what the payload was made against. */
export type Comparison =
  | {
      /** It is the same, as far as calls can be followed: every digest was compared. */
      readonly result: 'equal';
      readonly basis: 'record';
      /** How many functions that is. */
      readonly functions: number;
      /** Calls and jumps in them that could not be followed. */
      readonly unknownEdges: number;
    }
  | {
      /** There is no record, but by what the build-ids say nothing that it reaches was replaced. */
      readonly result: 'equal';
      readonly basis: 'derived';
      readonly functions: number;
      readonly unknownEdges: number;
      readonly compared: ComparedBytes;
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
      readonly compared: ComparedBytes;
    };

/** How far the bytes at a function's old address are vouched for without a record. */
export interface ComparedBytes {
  /** So many were found to be as the payload's own expectation says. */
  readonly bytes: number;
  /** The size of the old code, as the payload states it. */
  readonly of: number;
}

/** The comparison of one function that a payload replaces. */
export interface FunctionComparison {
  /** As the payload's entry names it. Escape before printing. */
  readonly name: string;
  readonly comparison: Comparison;
}

/**
 * Compares a record with the code that runs now, function by function, nearest callees first.
 *
 * What a function calls follows from its code. So a record that names other callees for code that is there
 * as it says is no record of this code, and its function is `unknown`: nothing can be left out of a
 * record to make it pass.
 */
export function compareRecord(trial: Trial, record: CodeRecord): readonly FunctionComparison[] {
  const { graph } = trial;
  const current = new Map<number, CodeNode | null>();
  const now = (place: number, { name }: RecordedNode) => {
    const known = current.get(place);
    if (known !== undefined) return known;
    const node = graph.named(name);
    current.set(place, node);
    return node;
  };
  return record.functions.map((recorded, index) => {
    const { name, oldCode, newCallees } = recorded;
    const unknown = (reason: string): FunctionComparison => {
      const of = trial.functions[index]?.patch.oldSize ?? 0;
      return { name, comparison: { result: 'unknown', reason, compared: { bytes: 0, of } } };
    };
    if (oldCode === null) {
      return unknown('no code was known to begin at its address when the record was made');
    }
    const other = wrongStart(trial, trial.functions[index], record, recorded);
    if (other !== null) return unknown(other);
    // Where each function was reached from; the roots from nowhere.
    const reachedFrom = new Map<number, number | null>([[oldCode, null]]);
    for (const place of newCallees) if (!reachedFrom.has(place)) reachedFrom.set(place, null);
    let unknownEdges = 0;
    const different: number[] = [];
    let wrong: string | null = null;
    // Breadth first: a map yields what is added while it is walked, each function once.
    for (const place of reachedFrom.keys()) {
      const node = record.nodes[place];
      if (node === undefined) continue;
      unknownEdges += node.unknownEdges;
      const running = now(place, node);
      if (running?.digest !== node.digest) different.push(place);
      else {
        const callees = running.callees.flatMap((address) => graph.node(address) ?? []);
        const callee = firstNotInBoth(callees, record, node.callees);
        if (callee !== null) wrong ??= contradiction(`the code of ${node.name}`, callee);
      }
      for (const callee of node.callees)
        if (!reachedFrom.has(callee)) reachedFrom.set(callee, place);
    }
    const [first] = different;
    if (first === undefined) {
      if (wrong !== null) return unknown(wrong);
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

/** Why a record's function is not the one that the payload replaces, or its new code not the payload's. */
function wrongStart(
  trial: Trial,
  tried: TriedFunction | undefined,
  record: CodeRecord,
  { oldCode, newCallees }: RecordedFunction,
): string | null {
  const name = record.nodes[oldCode ?? -1]?.name;
  const replaced = tried?.oldCode?.name;
  if (replaced !== undefined && replaced !== name) {
    return `its record is of ${name}, and it replaces ${replaced}`;
  }
  const callees = tried?.newCode ? outsideCallees(trial, tried.newCode) : [];
  const wrong = firstNotInBoth(callees, record, newCallees);
  return wrong === null ? null : contradiction('the new code', wrong);
}

function contradiction(code: string, callee: string): string {
  return `its record and ${code} do not agree whether ${callee} is called`;
}

/** A name that is among these functions, or among those at these places of the record, but not both. */
function firstNotInBoth(
  found: readonly CodeNode[],
  { nodes }: CodeRecord,
  places: readonly number[],
): string | null {
  const actual = new Set(found.map(({ name }) => name));
  const recorded = new Set(places.map((place) => nodes[place]?.name ?? ''));
  for (const name of actual) if (!recorded.has(name)) return name;
  for (const name of recorded) if (!actual.has(name)) return name;
  return null;
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
