import type { Model } from '../verify/index.js';
import { align, type ComparedLine, listing } from './explain.js';
import { type CodeGraph, codeGraph } from './graph.js';
import type { CodeContext } from './guard.js';
import { allPatches, ownerOf, runningCode, throughTrampolines } from './running.js';

/** A function that a payload replaces, with its code before and after. */
export interface ChangedFunction {
  /** As the payload's function entry names it. Escape before printing. */
  readonly name: string;
  readonly oldAddress: bigint;
  readonly oldSize: number;
  /** 0 for NOPs. */
  readonly newAddress: bigint;
  readonly newSize: number;
  /** Name of the payload whose code is replaced; null for the hypervisor's. */
  readonly replaces: string | null;
  /** Null where one of the two codes is not known. */
  readonly lines: readonly ComparedLine[] | null;
}

/**
 * The functions of a payload that was applied last: `below` is the hypervisor before that, `above` after. The code
 * that it replaces is what ran then: of the hypervisor, or of a payload below.
 */
export function changedFunctions(
  { disassembler, base }: CodeContext,
  below: Model,
  above: Model,
  payload: string,
): readonly ChangedFunction[] {
  const before = codeGraph(disassembler, runningCode(base, below));
  const after = codeGraph(disassembler, runningCode(base, above));
  return allPatches(after.code)
    .filter((patch) => patch.payload === payload)
    .map(({ name, oldAddress, oldSize, newAddress, newSize }) => {
      const replaced = throughTrampolines(before.code, oldAddress);
      const left = instructionsAt(before, replaced);
      const right = instructionsAt(after, newAddress === 0n ? oldAddress : newAddress);
      return {
        ...{ name, oldAddress, oldSize, newAddress, newSize },
        replaces: ownerOf(before.code, replaced)?.payload?.payload.name ?? null,
        lines: left === null || right === null ? null : align(left, right),
      };
    });
}

function instructionsAt(graph: CodeGraph, address: bigint): ReturnType<typeof listing> | null {
  const node = graph.node(address);
  if (node === null) return null;
  const lines = listing(graph, node);
  return lines.length === 0 ? null : lines;
}
