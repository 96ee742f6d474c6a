import type { Instruction } from '../x86/index.js';
import { argumentsReadIn } from './arguments-read.js';
import { exitSums, isBalanced, NOT_COUNTED } from './balance.js';
import { type FunctionFlow, functionFlow } from './flow.js';
import { type AddressUse, type ArgumentsRead, followAddress } from './follow-address.js';
import type { CodeGraph } from './graph.js';
import { hookFunctions } from './hook-functions.js';
import { variableAt } from './identity.js';
import { ownerOf, type PayloadCode, patchesOf, type RunningCode } from './running.js';

/**
 * What code does with a variable. `count`: a per-CPU one that it adds constants to and takes off again, so that it is
 * afterwards what it was, or what it was after the code that is replaced. `write`: anything else but reading.
 */
export type VariableUse = 'read' | 'count' | 'write';

/** A function of a payload, with the code that it replaces. */
interface OwnFunction {
  readonly flow: FunctionFlow;
  /** Null where it replaces nothing of the hypervisor's. */
  readonly old: FunctionFlow | null;
}

/** The variables that a payload's own code uses, as far as its instructions tell: by name, how. */
export function variablesOf(
  graph: CodeGraph,
  payload: PayloadCode,
): ReadonlyMap<string, VariableUse> {
  const { code } = graph;
  const argumentsRead = argumentsReadIn(graph);
  const variables = new Map<string, VariableUse>();
  const note = (name: string, use: VariableUse) => {
    variables.set(name, stronger(variables.get(name), use));
  };
  for (const own of ownFunctions(graph, payload)) {
    const taken = new Set<string>();
    for (const { instruction, effects } of own.flow.steps.values()) {
      const name = variableOf(code, instruction);
      if (name === null) continue;
      const direct = effects().memory.find(
        ({ displacement, address }) =>
          address === 0 && BigInt.asUintN(64, displacement) === instruction.ripTarget,
      );
      if (direct === undefined) taken.add(name);
      else note(name, direct.access);
    }
    for (const name of taken) {
      const use = useOf(code, own, name, argumentsRead);
      if (use !== null) note(name, use);
    }
  }
  return variables;
}

function stronger(known: VariableUse | undefined, other: VariableUse): VariableUse {
  const order = ['read', 'count', 'write'] as const;
  return known === undefined || order.indexOf(other) > order.indexOf(known) ? other : known;
}

/** The variable that an instruction accesses, or whose address it takes. */
function variableOf(code: RunningCode, { ripTarget, immediate64 }: Instruction): string | null {
  const address = ripTarget ?? immediate64;
  return address === null ? null : variableAt(code, address);
}

/** What a function does with a variable whose address it takes; null where that is nothing. */
function useOf(
  code: RunningCode,
  { flow, old }: OwnFunction,
  name: string,
  argumentsRead: ArgumentsRead,
): VariableUse | null {
  const follow = (of: FunctionFlow): AddressUse =>
    followAddress(of, (instruction) => isTaken(code, instruction, name), argumentsRead);
  const use = follow(flow);
  if (use.access === 'write') return 'write';
  const before = old === null ? null : follow(old);
  // By chance, if the code that is replaced does the same: nobody relies on it.
  if (use.isReturned && before?.isReturned !== true) return 'write';
  if (use.steps.size === 0) return use.access === 'read' ? 'read' : null;
  if (!isPerCpu(code, name)) return 'write';
  const counted =
    old === null || before === null || before.access === 'write'
      ? NOT_COUNTED
      : { sums: exitSums(old, before.steps), steps: before.steps };
  return isBalanced({ sums: exitSums(flow, use.steps), steps: use.steps }, counted)
    ? 'count'
    : 'write';
}

function isTaken(code: RunningCode, instruction: Instruction, name: string): boolean {
  return variableOf(code, instruction) === name;
}

/** Of which each CPU has its own: between these symbols (xen.lds.S, all releases). */
function isPerCpu({ base: { symbols } }: RunningCode, name: string): boolean {
  const [address, start, end] = [name, '__per_cpu_start', '__per_cpu_data_end'].map((symbol) =>
    symbols.lookup(symbol),
  );
  return address != null && start != null && end != null && address >= start && address < end;
}

/** The functions of a payload that run because of it: what it replaces with, its hooks, and what these call of it. */
function ownFunctions(graph: CodeGraph, payload: PayloadCode): readonly OwnFunction[] {
  const { code } = graph;
  const replaced = new Map(
    patchesOf(code.model, payload.payload).map(({ newAddress, oldAddress }) => [
      newAddress,
      oldAddress,
    ]),
  );
  const starts = new Set([
    ...[...replaced.keys()].filter((address) => address !== 0n),
    ...hookFunctions(code, payload).map(([, address]) => address),
  ]);
  const found: OwnFunction[] = [];
  // A set yields what is added while it is walked, each function once.
  for (const start of starts) {
    const flow = functionFlow(graph, start);
    if (flow === null) continue;
    const oldAddress = replaced.get(start);
    found.push({ flow, old: oldAddress === undefined ? null : functionFlow(graph, oldAddress) });
    for (const { callee } of flow.steps.values()) {
      if (callee == null) continue;
      if (ownerOf(code, callee)?.payload?.payload.name === payload.payload.name) starts.add(callee);
    }
  }
  return found;
}
