import type { CodeNode } from '../../core/oldcode/analyse.js';
import type { CodeGraph } from '../../core/oldcode/graph.js';

/** The closure of one function, counted. */
export interface ClosureSize {
  readonly node: CodeNode;
  /** Functions reached, itself included. */
  readonly functions: number;
  /** True where one of them has a call or jump whose target is not known. */
  readonly hasUnknownEdges: boolean;
}

/**
 * The closures of all functions of the hypervisor together. Functions that call each other in a circle
 * reach the same, so each such group is computed once, after all that it calls (Tarjan), as a set of bits.
 */
export function surveyClosures(graph: CodeGraph): readonly ClosureSize[] {
  const nodes = reachableNodes(graph);
  const index = new Map(nodes.map((node, position) => [node.address, position]));
  const callees = nodes.map((node) => node.callees.flatMap((address) => index.get(address) ?? []));
  const words = Math.ceil(nodes.length / 32);
  const reach: Uint32Array[] = [];
  const isUnknown: boolean[] = [];
  for (const group of groupsInCallOrder(callees)) {
    const bits = new Uint32Array(words);
    let unknown = false;
    for (const member of group) {
      bits[member >>> 5] = (bits[member >>> 5] ?? 0) | (1 << (member & 31));
      unknown ||= (nodes[member]?.unknownEdges ?? 0) > 0;
      for (const callee of callees[member] ?? []) {
        const reached = reach[callee];
        // Undefined inside the group, which is not finished.
        if (reached === undefined) continue;
        for (let word = 0; word < words; word++) {
          bits[word] = (bits[word] ?? 0) | (reached[word] ?? 0);
        }
        unknown ||= isUnknown[callee] ?? false;
      }
    }
    for (const member of group) {
      reach[member] = bits;
      isUnknown[member] = unknown;
    }
  }
  const counts = new Map<Uint32Array, number>();
  return nodes.map((node, position) => {
    const bits = reach[position] ?? new Uint32Array();
    const functions = counts.get(bits) ?? countBits(bits);
    counts.set(bits, functions);
    return { node, functions, hasUnknownEdges: isUnknown[position] ?? false };
  });
}

function reachableNodes(graph: CodeGraph): readonly CodeNode[] {
  const found = new Map<bigint, CodeNode>();
  const pending = graph.code.base.extents.map(({ address }) => address);
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    if (found.has(at)) continue;
    const node = graph.node(at);
    if (node === null) continue;
    found.set(at, node);
    pending.push(...node.callees);
  }
  return [...found.values()];
}

/** Strongly connected groups, each after those that it calls. Without recursion: call chains are long. */
function groupsInCallOrder(
  callees: readonly (readonly number[])[],
): readonly (readonly number[])[] {
  const order: number[] = new Array<number>(callees.length).fill(-1);
  const lowest: number[] = new Array<number>(callees.length).fill(0);
  const isOpen: boolean[] = new Array<boolean>(callees.length).fill(false);
  const open: number[] = [];
  const groups: number[][] = [];
  let next = 0;
  for (let root = 0; root < callees.length; root++) {
    if (order[root] !== -1) continue;
    const path: { readonly at: number; turn: number }[] = [];
    const enter = (at: number) => {
      order[at] = lowest[at] = next++;
      isOpen[at] = true;
      open.push(at);
      path.push({ at, turn: 0 });
    };
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { at } = top;
      const callee = callees[at]?.[top.turn++];
      if (callee === undefined) {
        path.pop();
        const caller = path.at(-1);
        if (caller !== undefined) lowerTo(lowest, caller.at, lowest[at] ?? 0);
        if (lowest[at] === order[at]) groups.push(closeGroup(open, isOpen, at));
      } else if (order[callee] === -1) enter(callee);
      else if (isOpen[callee]) lowerTo(lowest, at, order[callee] ?? 0);
    }
  }
  return groups;
}

function lowerTo(lowest: number[], at: number, value: number): void {
  if (value < (lowest[at] ?? 0)) lowest[at] = value;
}

function closeGroup(open: number[], isOpen: boolean[], first: number): number[] {
  const group: number[] = [];
  for (let member = open.pop(); member !== undefined; member = open.pop()) {
    isOpen[member] = false;
    group.push(member);
    if (member === first) break;
  }
  return group;
}

function countBits(bits: Uint32Array): number {
  let count = 0;
  for (let word of bits) for (; word !== 0; word &= word - 1) count++;
  return count;
}
