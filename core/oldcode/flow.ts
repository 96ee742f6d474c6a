import {
  ARGUMENT_REGISTERS,
  type Effects,
  effectsOf,
  type Instruction,
  type RegisterSet,
} from '../x86/index.js';
import { RETURN_THUNK } from './analyse.js';
import type { CodeGraph } from './graph.js';
import { type CodeExtent, imageBytes } from './image-code.js';
import { ownerOf } from './running.js';

/** One instruction of a function, and where execution goes on. */
export interface FlowStep {
  readonly instruction: Instruction;
  /** Found out when first asked for. */
  readonly effects: () => Effects;
  /** Within the function: addresses of the steps that can follow. */
  readonly next: readonly bigint[];
  /** What is called, or jumped to for good; null where nobody knows; undefined for all other instructions. */
  readonly callee: bigint | null | undefined;
  /** How the function is left here; null where it is not. */
  readonly exit: 'return' | 'tail-call' | null;
}

/** A function as its instructions follow each other, by address: parts that lie apart included. */
export interface FunctionFlow {
  readonly start: bigint;
  readonly steps: ReadonlyMap<bigint, FlowStep>;
  /** Where the stack pointer is before each step, from where it was at the start. Found out when first asked for. */
  readonly stack: () => ReadonlyMap<bigint, number>;
  /** Registers that were written before each step since the last call, or the start, whichever way led there. */
  readonly written: () => ReadonlyMap<bigint, RegisterSet>;
}

/** Ours: the largest function of a Xen has some 10,000 instructions. */
const MAX_STEPS = 200_000;

/**
 * How the function that begins at an address runs. A conditional jump out of it, and any jump into the middle of other
 * code, leads to a part that the compiler laid apart; a plain jump to the start of a function calls that for good. Xen's
 * own code is taken as the image has it, whatever has replaced it. Null where no code is known there, or too much.
 */
export function functionFlow(graph: CodeGraph, start: bigint): FunctionFlow | null {
  const decoded = new Map<CodeExtent, ReadonlyMap<bigint, Instruction>>();
  const steps = new Map<bigint, FlowStep>();
  const open: bigint[] = [start];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (steps.has(at)) continue;
    const instruction = instructionAt(graph, decoded, at);
    if (steps.size >= MAX_STEPS || (instruction === null && at === start)) return null;
    if (instruction === null) continue;
    const step = stepOf(graph, start, instruction);
    steps.set(at, step);
    open.push(...step.next);
  }
  return {
    ...{ start, steps },
    stack: once(() => stackOf(start, steps)),
    written: once(() => writtenIn(start, steps)),
  };
}

/**
 * A stack pointer that is moved to where nobody knows begins a new stack, far from all slots of the old one. Where two
 * ways meet the first one counts: compiled code has one depth at each place.
 */
const NEW_STACK = -(1 << 20);

function stackOf(start: bigint, steps: ReadonlyMap<bigint, FlowStep>): ReadonlyMap<bigint, number> {
  const before = new Map<bigint, number>([[start, 0]]);
  // A map yields what is added while it is walked, each step once.
  for (const [at, depth] of before) {
    const step = steps.get(at);
    if (step === undefined) continue;
    const after = depth + (step.effects().stackStep ?? NEW_STACK);
    for (const next of step.next) if (!before.has(next)) before.set(next, after);
  }
  return before;
}

function instructionAt(
  graph: CodeGraph,
  decoded: Map<CodeExtent, ReadonlyMap<bigint, Instruction>>,
  address: bigint,
): Instruction | null {
  const { code, disassembler } = graph;
  const owner = ownerOf(code, address);
  const extent = owner?.extent;
  if (owner === null || !extent) return null;
  let known = decoded.get(extent);
  if (known === undefined) {
    const bytes =
      owner.payload === null
        ? imageBytes(code.base, extent)
        : code.model.memory.readOrNull(extent.address, extent.sizeBytes);
    if (bytes === null) return null;
    const all = disassembler.decodeFunction(bytes, extent.address);
    known = new Map(all.map((instruction) => [instruction.address, instruction]));
    decoded.set(extent, known);
  }
  return known.get(address) ?? null;
}

function stepOf(graph: CodeGraph, start: bigint, instruction: Instruction): FlowStep {
  const { flow, target } = instruction;
  const after = instruction.address + BigInt(instruction.length);
  const extentOf = (address: bigint) => ownerOf(graph.code, address)?.extent;
  // What a function ends with does not come back.
  const behind = extentOf(after) === extentOf(instruction.address) ? [after] : [];
  const step = {
    ...{ instruction, effects: once(() => effectsOf(instruction)), exit: null, callee: undefined },
  };
  switch (flow) {
    case 'next':
      return { ...step, next: [after] };
    // WARN goes on behind its ud2.
    case 'trap':
      return { ...step, next: behind };
    case 'conditional':
      return { ...step, next: target === null ? [after] : [after, target] };
    case 'call':
    case 'indirect-call':
      return { ...step, next: behind, callee: target };
    case 'jump': {
      if (target === null) return { ...step, next: [], callee: null, exit: 'tail-call' };
      const extent = extentOf(target);
      if (extent?.name === RETURN_THUNK) return { ...step, next: [], exit: 'return' };
      const isPart = target === start || (extent != null && extent.address !== target);
      return isPart
        ? { ...step, next: [target] }
        : { ...step, next: [], callee: target, exit: 'tail-call' };
    }
    case 'indirect-jump':
      return { ...step, next: [], callee: null, exit: 'tail-call' };
    case 'return':
      return { ...step, next: [], exit: 'return' };
    case 'invalid':
    case 'truncated':
      return { ...step, next: [] };
  }
}

function writtenIn(
  start: bigint,
  steps: ReadonlyMap<bigint, FlowStep>,
): ReadonlyMap<bigint, RegisterSet> {
  const before = new Map<bigint, RegisterSet>([[start, ARGUMENT_REGISTERS]]);
  const open: bigint[] = [start];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const step = steps.get(at);
    if (step === undefined) continue;
    const kept = step.callee === undefined ? (before.get(at) ?? 0) : 0;
    const after = kept | step.effects().writes;
    for (const next of step.next) {
      const known = before.get(next);
      const joined = known === undefined ? after : known & after;
      if (joined === known) continue;
      before.set(next, joined);
      open.push(next);
    }
  }
  return before;
}

function once<T>(make: () => T): () => T {
  let known: { readonly value: T } | null = null;
  return () => {
    known ??= { value: make() };
    return known.value;
  };
}
