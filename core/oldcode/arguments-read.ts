import { ARGUMENT_REGISTERS, CALL_CLOBBERED, type RegisterSet } from '../x86/index.js';
import { functionFlow } from './flow.js';
import type { ArgumentsRead } from './follow-address.js';
import type { CodeGraph } from './graph.js';

/** Ours: how far a register is followed that a function hands on as it got it. */
const MAX_DEPTH = 6;

/**
 * Which argument registers functions look at before they write them: another one holds by chance what was in it. Asked
 * about a callee that is not known, or too deep, all. Answers are kept: it belongs to one graph.
 */
export function argumentsReadIn(graph: CodeGraph): ArgumentsRead {
  const known = new Map<bigint, RegisterSet>();
  const readBy = (callee: bigint | null, among: RegisterSet, depth: number): RegisterSet => {
    if (callee === null || depth > MAX_DEPTH) return among;
    const found = known.get(callee) ?? look(callee, depth);
    return found & among;
  };
  const look = (callee: bigint, depth: number): RegisterSet => {
    // Meanwhile, for functions that call each other: all.
    known.set(callee, ARGUMENT_REGISTERS);
    const flow = functionFlow(graph, callee);
    if (flow === null) return ARGUMENT_REGISTERS;
    let read = 0;
    const before = new Map<bigint, RegisterSet>([[callee, ARGUMENT_REGISTERS]]);
    const open: bigint[] = [callee];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const step = flow.steps.get(at);
      if (step === undefined) continue;
      let untouched = (before.get(at) ?? 0) & ~read;
      if (untouched === 0) continue;
      const effects = step.effects();
      const addresses = effects.memory.reduce((set, { address }) => set | address, 0);
      const moved = effects.moves?.direction === 'store' ? 1 << effects.moves.register : 0;
      const used =
        effects.uses | effects.compares | addresses | moved | (effects.derives?.from ?? 0);
      read |= untouched & used;
      if (step.callee !== undefined) {
        read |= readBy(step.callee, untouched & ~read, depth + 1);
        untouched &= ~CALL_CLOBBERED;
      }
      untouched &= ~effects.writes;
      for (const next of step.next) {
        const earlier = before.get(next);
        const joined = (earlier ?? 0) | untouched;
        if (earlier !== undefined && joined === earlier) continue;
        before.set(next, joined);
        open.push(next);
      }
    }
    known.set(callee, read);
    return read;
  };
  return (callee, among) => readBy(callee, among, 0);
}
