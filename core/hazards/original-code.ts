import { type Model, PAGE_SIZE } from '../verify/index.js';
import { type Instruction, loadDisassembler } from '../x86/index.js';
import { savedCodeOf } from './saved-code.js';

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
  const { memory, applied } = model;
  const restored = new Map<string, Uint8Array | null>();
  const decoded = new Map<string, readonly Instruction[]>();
  const read = (from: bigint, to: bigint): Uint8Array | null => {
    if (to - from > MAX_CODE_BYTES || !memory.isKnown(from)) return null;
    for (let at = from; at < to; at += PAGE_SIZE) if (!memory.isMapped(at)) return null;
    const bytes = memory.readOrNull(from, Number(to - from));
    return bytes && (savedCodeOf(model)?.original(from, bytes, applied.length) ?? bytes);
  };
  return {
    bytes: (from, to) => {
      const key = `${from}-${to}`;
      const known = restored.get(key);
      const bytes = known === undefined ? read(from, to) : known;
      restored.set(key, bytes);
      return bytes;
    },
    instructions: (from, to, bytes) => {
      const key = `${from}-${to}`;
      const known = decoded.get(key) ?? loadDisassembler().decodeFunction(bytes, from);
      decoded.set(key, known);
      return known;
    },
  };
}
