import type { Disassembler } from '../x86/index.js';
import { analyseCode, type CodeNode } from './analyse.js';
import { extentAt } from './image-code.js';
import { type RunningCode, throughTrampolines } from './running.js';

/** The call graph of a hypervisor with its payloads. Each function is decoded once, when first asked for. */
export interface CodeGraph {
  readonly code: RunningCode;
  /** What its functions are decoded with. */
  readonly disassembler: Disassembler;
  /** The code that begins at an address; null where none does. */
  node(address: bigint): CodeNode | null;
  /** The code that runs when a function of this name is called; null where there is none. */
  named(name: string): CodeNode | null;
}

/** A call graph over what {@link analyseCode} finds. */
export function codeGraph(disassembler: Disassembler, code: RunningCode): CodeGraph {
  const nodes = new Map<bigint, CodeNode | null>();
  const node = (address: bigint): CodeNode | null => {
    const known = nodes.get(address);
    if (known !== undefined) return known;
    const fresh = analyseCode(disassembler, code, address);
    nodes.set(address, fresh);
    return fresh;
  };
  let addresses: ReadonlyMap<string, bigint> | null = null;
  return {
    code,
    disassembler,
    node,
    named: (name) => {
      addresses ??= addressesIn(code);
      const address = addresses.get(name) ?? code.model.symbols.lookup(name);
      if (address === null) return null;
      const start = extentAt(code.base.extents, address)?.address ?? address;
      return node(throughTrampolines(code, start));
    },
  };
}

function addressesIn({ base, payloads }: RunningCode): ReadonlyMap<string, bigint> {
  const addresses = new Map<string, bigint>();
  // What comes first keeps its name: new code of a payload is reached through what it replaced.
  for (const { extents } of [base, ...payloads]) {
    for (const { name, address } of extents) {
      if (!addresses.has(name)) addresses.set(name, address);
    }
  }
  return addresses;
}

/** Everything that a function can reach. */
export interface Closure {
  /** The function itself first, then by distance. */
  readonly nodes: readonly CodeNode[];
  /** Sum over the nodes: how many calls and jumps lead to where nobody knows. */
  readonly unknownEdges: number;
}

/** All that is reached from a function by direct calls and jumps, through the trampolines. */
export function closureOf(graph: CodeGraph, root: CodeNode): Closure {
  const reached = new Map<bigint, CodeNode>([[root.address, root]]);
  // A map yields what is added while it is walked, each function once.
  for (const { callees } of reached.values()) {
    for (const address of callees) {
      if (reached.has(address)) continue;
      const callee = graph.node(address);
      if (callee !== null) reached.set(address, callee);
    }
  }
  const nodes = [...reached.values()];
  return { nodes, unknownEdges: nodes.reduce((sum, { unknownEdges }) => sum + unknownEdges, 0) };
}
