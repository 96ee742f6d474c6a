import {
  appliedOf,
  type FunctionState,
  findPayload,
  functionsInMemory,
  type Model,
} from '../verify/index.js';

/** Bytes that are kept together: most patches touch one such cell, or two. */
const CELL_BYTES = 32;
/** A byte that no payload has saved. */
const NOT_SAVED = 0xffff_ffff;

/** Bytes that lie together, and for each how many payloads lie below the one that saved it. */
interface Cell {
  readonly bytes: Uint8Array;
  readonly layers: Uint32Array;
}

/**
 * The code below the patches of one chain of applied payloads: what each saved, where no payload below it had saved
 * that byte already. Models of one chain share it, however many payloads of it they have applied.
 */
export class SavedCode {
  /** What each payload saved, base first. A payload has another list whenever it is applied or reverted. */
  readonly #layers: (readonly FunctionState[])[] = [];
  readonly #cells = new Map<bigint, Cell>();

  /** False where the model has applied other payloads than those which are known. Else it knows all of them now. */
  learn(model: Model): boolean {
    const payloads = appliedOf(model);
    const isOther = payloads.some(
      (payload, i) => i < this.#layers.length && payload.functionStates !== this.#layers[i],
    );
    if (isOther) return false;
    for (const payload of payloads.slice(this.#layers.length)) {
      const states = payload.functionStates;
      const functions = functionsInMemory(model.memory, model.rules, payload);
      for (const [i, { oldAddress }] of functions.entries()) {
        const state = states[i];
        if (state?.applied) this.#save(oldAddress + BigInt(state.patchOffset), state.savedBytes);
      }
      this.#layers.push(states);
    }
    return true;
  }

  /** These bytes without the patches of the lowest payloads, as many as are given. */
  original(from: bigint, bytes: Uint8Array, applied: number): Uint8Array {
    const end = from + BigInt(bytes.length);
    const original = bytes.slice();
    for (let start = startOfCell(from); start < end; start += BigInt(CELL_BYTES)) {
      const cell = this.#cells.get(start);
      if (cell === undefined) continue;
      const offset = Number(start - from);
      cell.layers.forEach((layer, i) => {
        const at = offset + i;
        if (layer < applied && at >= 0 && at < original.length) original[at] = cell.bytes[i] ?? 0;
      });
    }
    return original;
  }

  #save(from: bigint, bytes: Uint8Array): void {
    bytes.forEach((byte, i) => {
      const address = from + BigInt(i);
      const cell = this.#cellAt(startOfCell(address));
      const at = Number(address % BigInt(CELL_BYTES));
      if (cell.layers[at] !== NOT_SAVED) return;
      cell.bytes[at] = byte;
      cell.layers[at] = this.#layers.length;
    });
  }

  #cellAt(start: bigint): Cell {
    const known = this.#cells.get(start);
    if (known) return known;
    const bytes = new Uint8Array(CELL_BYTES);
    const cell = { bytes, layers: new Uint32Array(CELL_BYTES).fill(NOT_SAVED) };
    this.#cells.set(start, cell);
    return cell;
  }
}

function startOfCell(address: bigint): bigint {
  return address - (address % BigInt(CELL_BYTES));
}

/** By what the lowest payload saved: one of each such chain, the last that was asked about. */
const chains = new WeakMap<readonly FunctionState[], SavedCode>();

/** What the applied payloads of a model saved; null where none is applied. */
export function savedCodeOf(model: Model): SavedCode | null {
  const [lowest] = model.applied;
  const base = lowest === undefined ? null : findPayload(model, lowest);
  if (base === null) return null;
  const known = chains.get(base.functionStates);
  if (known?.learn(model)) return known;
  const saved = new SavedCode();
  saved.learn(model);
  chains.set(base.functionStates, saved);
  return saved;
}
