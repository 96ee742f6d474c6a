import {
  CALL_CLOBBERED,
  type Effects,
  type Instruction,
  passable,
  RAX_BIT,
  type RegisterSet,
  RSP,
} from '../x86/index.js';
import type { FlowStep, FunctionFlow } from './flow.js';

/** What a function does with a variable whose address it takes. */
export interface AddressUse {
  /**
   * The most that is done with it. `write`: anything but reading and adding constants; so where its address goes to
   * where it is not followed, to a callee or into memory.
   */
  readonly access: 'none' | 'read' | 'write';
  /** Instructions that add a constant to it, by address: how much. */
  readonly steps: ReadonlyMap<bigint, number>;
  /** True where its address is in the register of results when the function returns, by chance or not. */
  readonly isReturned: boolean;
}

/** Which of these argument registers a callee looks at; null as the callee for one that is not known. */
export type ArgumentsRead = (callee: bigint | null, among: RegisterSet) => RegisterSet;

/** Where an address may be, and what computed of it: registers, and places on the stack. */
interface Whereabouts {
  readonly registers: RegisterSet;
  readonly slots: ReadonlySet<number>;
}

/** Before the address is taken. */
const NOWHERE: Whereabouts = { registers: 0, slots: new Set() };
const WORD = 8;

/**
 * Follows the address of one variable from where it is taken (`isOrigin`) through registers and the stack: an address
 * that is added to, as that of a per-CPU variable is, stays the variable's. All ways through the function count,
 * possible or not.
 */
export function followAddress(
  flow: FunctionFlow,
  isOrigin: (instruction: Instruction) => boolean,
  argumentsRead: ArgumentsRead,
): AddressUse {
  const notes = new Notes();
  const before = new Map<bigint, Whereabouts>();
  const open: bigint[] = [];
  for (const [at, { instruction }] of flow.steps) if (isOrigin(instruction)) open.push(at);
  const [stack, written] = open.length === 0 ? [] : [flow.stack(), flow.written()];
  // States only grow: each address comes again so often as its state can grow, a few times in practice.
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const step = flow.steps.get(at);
    if (step === undefined) continue;
    const here = before.get(at) ?? NOWHERE;
    const place = { stack: stack?.get(at) ?? 0, passable: passable(written?.get(at) ?? 0) };
    const after = transfer(step, here, place, isOrigin, argumentsRead, notes);
    if (after.registers === 0 && after.slots.size === 0) continue;
    for (const next of step.next) {
      const known = before.get(next);
      const joined = known === undefined ? after : join(known, after);
      if (joined === known) continue;
      before.set(next, joined);
      open.push(next);
    }
  }
  return notes.result();
}

class Notes {
  readonly #steps = new Map<bigint, number>();
  readonly #places = new Set<bigint>();
  #access: AddressUse['access'] = 'none';
  #isReturned = false;

  read(): void {
    if (this.#access === 'none') this.#access = 'read';
  }
  write(): void {
    this.#access = 'write';
  }
  returned(): void {
    this.#isReturned = true;
  }
  step(address: bigint, by: number, place: bigint): void {
    this.#steps.set(address, by);
    this.#places.add(place);
  }
  result(): AddressUse {
    // Fields of one variable are not told apart: a counter is one of them.
    if (this.#places.size > 1) this.write();
    return { access: this.#access, steps: this.#steps, isReturned: this.#isReturned };
  }
}

function transfer(
  { instruction, effects: effectsOfIt, callee, exit }: FlowStep,
  state: Whereabouts,
  place: { readonly stack: number; readonly passable: RegisterSet },
  isOrigin: (instruction: Instruction) => boolean,
  argumentsRead: ArgumentsRead,
  notes: Notes,
): Whereabouts {
  const effects = effectsOfIt();
  let { registers } = state;
  let slots = state.slots;
  for (const { address, access, step, displacement } of effects.memory) {
    if ((address & registers) === 0) continue;
    if (access === 'read') notes.read();
    else if (step === null) notes.write();
    else notes.step(instruction.address, step, displacement);
  }
  if ((effects.uses & registers) !== 0) notes.write();
  if (callee !== undefined) {
    const passed = registers & place.passable;
    if (passed !== 0 && argumentsRead(callee, passed) !== 0) notes.write();
    registers &= ~CALL_CLOBBERED;
  }
  if (exit === 'return' && (state.registers & RAX_BIT) !== 0) notes.returned();

  const { derives, moves } = effects;
  const isDerived = derives !== null && (derives.from & registers) !== 0;
  const slot = moves === null ? null : slotOf(effects, place.stack);
  const isStored = moves?.direction === 'store' && (registers & (1 << moves.register)) !== 0;
  const isLoaded = moves?.direction === 'load' && slot !== null && slots.has(slot);
  if (isStored && slot === null) notes.write();
  if (moves?.direction === 'store' && slot !== null && isStored !== slots.has(slot)) {
    const changed = new Set(slots);
    if (isStored) changed.add(slot);
    else changed.delete(slot);
    slots = changed;
  }
  registers &= ~effects.writes;
  if (isDerived && derives !== null) registers |= 1 << derives.to;
  if (isLoaded && moves !== null) registers |= 1 << moves.register;
  if (isOrigin(instruction)) registers |= effects.writes;
  registers &= ~(1 << RSP);
  // Slots of a stack that is left for another are not met again.
  if (effects.stackStep === null && slots.size > 0) notes.write();
  return { registers, slots };
}

/** The place on the stack that a whole register is moved to or from; null for other memory. */
function slotOf({ moves, memory, stackStep }: Effects, stack: number): number | null {
  const [place] = memory;
  if (place === undefined || place.base !== RSP || place.isIndexed) return null;
  // push counts from the stack pointer before it.
  const displacement = Number(place.displacement);
  return moves?.direction === 'store' && stackStep === -WORD ? stack - WORD : stack + displacement;
}

/** The first one where the second adds nothing. */
function join(known: Whereabouts, other: Whereabouts): Whereabouts {
  const registers = known.registers | other.registers;
  const isMore = [...other.slots].some((slot) => !known.slots.has(slot));
  if (registers === known.registers && !isMore) return known;
  const slots = isMore ? new Set([...known.slots, ...other.slots]) : known.slots;
  return { registers, slots };
}
