import {
  type AddressSpace,
  findPayload,
  functionsInMemory,
  type Model,
  PAGE_SIZE,
} from '../verify/index.js';
import { type Instruction, loadDisassembler } from '../x86/index.js';

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
  let restored: AddressSpace | null = null;
  const decoded = new Map<string, readonly Instruction[]>();
  return {
    bytes: (from, to) => {
      restored ??= withoutPatches(model);
      if (to - from > MAX_CODE_BYTES || !restored.isKnown(from)) return null;
      for (let at = from; at < to; at += PAGE_SIZE) if (!restored.isMapped(at)) return null;
      return restored.readOrNull(from, Number(to - from));
    },
    instructions: (from, to, bytes) => {
      const key = `${from}-${to}`;
      const known = decoded.get(key) ?? loadDisassembler().decodeFunction(bytes, from);
      decoded.set(key, known);
      return known;
    },
  };
}

/** A copy of the memory in which every applied payload has put back what it saved, top first. */
function withoutPatches(model: Model): AddressSpace {
  const memory = model.memory.fork();
  for (const name of [...model.applied].reverse()) {
    const payload = findPayload(model, name);
    if (payload === null) continue;
    functionsInMemory(model.memory, model.rules, payload).forEach(({ oldAddress }, i) => {
      const state = payload.functionStates[i];
      if (!state?.applied) return;
      const start = oldAddress + BigInt(state.patchOffset);
      if (memory.readOrNull(start, state.savedBytes.length) === null) return;
      memory.write(start, state.savedBytes, () => true);
    });
  }
  return memory;
}
