import {
  functionsInMemory,
  gatheredOf,
  type Model,
  type ModelPayload,
  PAGE_SIZE,
  putFirst,
} from '../verify/index.js';
import { type Instruction, loadDisassembler } from '../x86/index.js';
import { appliedOf } from './applied.js';

/** Ours: no function of Xen is larger by far, and a size out of a table is not trusted. */
const MAX_CODE_BYTES = 256n * 1024n;

/** Code as it is without the patches that are applied: behind a patch, that is what runs. */
export interface OriginalCode {
  /** Null where it is not mapped or not known, or is more than any function has. */
  bytes(from: bigint, to: bigint): Uint8Array | null;
  /** The same bytes, decoded; each piece of code once. */
  instructions(from: bigint, to: bigint, bytes: Uint8Array): readonly Instruction[];
}

export function originalCode(model: Model): OriginalCode {
  const decoded = new Map<string, readonly Instruction[]>();
  return {
    bytes: (from, to) => {
      const { memory } = model;
      if (to - from > MAX_CODE_BYTES || !memory.isKnown(from)) return null;
      for (let at = from; at < to; at += PAGE_SIZE) if (!memory.isMapped(at)) return null;
      const bytes = memory.readOrNull(from, Number(to - from));
      return bytes === null ? null : withoutPatches(model, from, bytes);
    },
    instructions: (from, to, bytes) => {
      const key = `${from}-${to}`;
      const known = decoded.get(key) ?? loadDisassembler().decodeFunction(bytes, from);
      decoded.set(key, known);
      return known;
    },
  };
}

/** The bytes at an address as they are once every applied payload has put back what it saved, top first. */
function withoutPatches(model: Model, from: bigint, bytes: Uint8Array): Uint8Array {
  const saved = savedOf(model, appliedOf(model));
  const to = from + BigInt(bytes.length);
  const found = new Set<SavedBytes>();
  for (let cell = from / CELL_BYTES; cell * CELL_BYTES < to; cell++) {
    for (const one of saved.get(cell)?.values() ?? []) found.add(one);
  }
  if (found.size === 0) return bytes;
  const original = bytes.slice();
  for (const one of [...found].sort((a, b) => b.place - a.place)) {
    one.bytes.forEach((byte, index) => {
      const at = one.start + BigInt(index);
      if (at >= from && at < to) original[Number(at - from)] = byte;
    });
  }
  return original;
}

/** Bytes in one cell of the map below: what a function saves, 31 at most, touches two. */
const CELL_BYTES = 32n;

/** What was there before a function was patched. */
interface SavedBytes {
  readonly start: bigint;
  readonly bytes: Uint8Array;
  /** How many payloads were applied before. */
  readonly place: number;
}

/** By cell, then by the range: of several patches of the same bytes, the lowest has what was there first. */
const savedOf = gatheredOf({
  start: () => new Map<bigint, Map<string, SavedBytes>>(),
  add: (cells, payload: ModelPayload, model: Model) => {
    const place = model.applied.indexOf(payload.name);
    const functions = functionsInMemory(model.memory, model.rules, payload);
    const takeOut = functions.flatMap(({ oldAddress }, index) => {
      const state = payload.functionStates[index];
      if (!state?.applied || state.savedBytes.length === 0) return [];
      const start = oldAddress + BigInt(state.patchOffset);
      const saved = { start, bytes: state.savedBytes, place };
      const last = (start + BigInt(saved.bytes.length) - 1n) / CELL_BYTES;
      const puts: (() => void)[] = [];
      for (let cell = start / CELL_BYTES; cell <= last; cell++) {
        const known = cells.get(cell) ?? new Map<string, SavedBytes>();
        cells.set(cell, known);
        puts.push(putFirst(known, `${start}-${saved.bytes.length}`, saved));
      }
      return puts;
    });
    return () => {
      for (const take of takeOut) take();
    };
  },
});
