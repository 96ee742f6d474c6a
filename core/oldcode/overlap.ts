import type { CodeNode } from './analyse.js';
import type { CodeGraph } from './graph.js';
import { hookFunctions } from './hook-functions.js';
import { identityOf } from './identity.js';
import { type PayloadCode, patchesOf, throughTrampolines } from './running.js';
import { type VariableUse, variablesOf } from './variables.js';

/** How a payload touches the hypervisor: what the question of independence is decided by. */
export interface Footprint {
  /** Name of the payload. */
  readonly payload: string;
  /** Functions that it replaces or overwrites, as callers name them. */
  readonly replaces: ReadonlySet<string>;
  /**
   * All that can run because of it, hooks included, with the path there from a function it replaces or
   * a hook.
   */
  readonly reaches: ReadonlyMap<string, readonly string[]>;
  /** Variables that its own code uses, and how. */
  readonly variables: ReadonlyMap<string, VariableUse>;
}

/** Something that two payloads share. */
export interface Overlap {
  readonly kind: /** Both replace the function. */
    | 'function'
    /** The first one reaches a function that the second one replaces. */
    | 'first-reaches-second'
    | 'second-reaches-first'
    /** Both use the variable, and one of them may change it. */
    | 'variable';
  readonly name: string;
  /** For the two that reach: from a replaced function to `name`, over calls and jumps. */
  readonly path: readonly string[];
}

/**
 * The footprint of a loaded payload. Its old code counts too where it is not applied yet: the
 * payload was made for that to be what it is.
 */
export function footprintOf(graph: CodeGraph, payload: PayloadCode): Footprint {
  const { code } = graph;
  const replaces = new Set<string>();
  const roots: { readonly name: string; readonly node: CodeNode }[] = [];
  for (const { oldAddress, newAddress, name } of patchesOf(code.model, payload.payload)) {
    const known = identityOf(code, oldAddress) ?? name;
    replaces.add(known);
    const old = graph.node(throughTrampolines(code, oldAddress));
    const fresh = newAddress === 0n ? null : graph.node(newAddress);
    for (const node of [old, fresh]) if (node !== null) roots.push({ name: known, node });
  }
  for (const [name, address] of hookFunctions(code, payload)) {
    const node = graph.node(address);
    if (node !== null) roots.push({ name, node });
  }
  const reaches = pathsFrom(graph, roots);
  const variables = variablesOf(graph, payload);
  return { payload: payload.payload.name, replaces, reaches, variables };
}

/** By name, the shortest path to each function that is reached from any of the roots. */
function pathsFrom(
  graph: CodeGraph,
  roots: readonly { readonly name: string; readonly node: CodeNode }[],
): ReadonlyMap<string, readonly string[]> {
  const paths = new Map<bigint, readonly string[]>();
  for (const { name, node } of roots) if (!paths.has(node.address)) paths.set(node.address, [name]);
  const reaches = new Map<string, readonly string[]>();
  // Breadth first: a map yields what is added while it is walked, each function once.
  for (const [address, path] of paths) {
    const node = graph.node(address);
    if (node === null) continue;
    if (!reaches.has(node.name)) reaches.set(node.name, path);
    for (const callee of node.callees) {
      const next = paths.has(callee) ? null : graph.node(callee);
      if (next !== null) paths.set(callee, [...path, next.name]);
    }
  }
  return reaches;
}

/** What two payloads share; empty where they are independent, so that their order is free. */
export function overlapsOf(first: Footprint, second: Footprint): readonly Overlap[] {
  const found: Overlap[] = [];
  for (const name of first.replaces) {
    if (second.replaces.has(name)) found.push({ kind: 'function', name, path: [name] });
  }
  const reaching = (from: Footprint, to: Footprint, kind: Overlap['kind']) => {
    for (const name of to.replaces) {
      const path = from.reaches.get(name);
      if (path !== undefined && !from.replaces.has(name)) found.push({ kind, name, path });
    }
  };
  reaching(first, second, 'first-reaches-second');
  reaching(second, first, 'second-reaches-first');
  for (const [name, access] of first.variables) {
    const other = second.variables.get(name);
    // What is only counted up and down again is for both what it was.
    if (other !== undefined && (access === 'write' || other === 'write')) {
      found.push({ kind: 'variable', name, path: [] });
    }
  }
  return found;
}
