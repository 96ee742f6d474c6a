import type { SymbolTable } from './symbol-table.js';

/** A piece of the hypervisor as it is mapped at run time. */
export interface MemoryRange {
  /** Link address, which is the run-time address of an x86 hypervisor. */
  readonly address: bigint;
  /** What the file holds of it; the rest, up to sizeBytes, is zero. May be empty (.bss). */
  readonly bytes: Uint8Array;
  readonly sizeBytes: bigint;
  readonly writable: boolean;
  readonly executable: boolean;
  /** True for what Xen frees at the end of its boot: a symbol in it leads nowhere after that. */
  readonly init: boolean;
}

/**
 * The bytes at an address, `size` of them; zeros where the file has none. Null where they do not all
 * lie in one range.
 */
export function readMemory(
  memory: readonly MemoryRange[],
  address: bigint,
  size: number,
): Uint8Array | null {
  const range = rangeAt(memory, address);
  if (range === null || address + BigInt(size) > range.address + range.sizeBytes) return null;
  const start = Number(address - range.address);
  const stored = range.bytes.subarray(start, start + size);
  if (stored.length === size) return stored;
  const bytes = new Uint8Array(size);
  bytes.set(stored);
  return bytes;
}

/** The range that holds an address, or null. */
export function rangeAt(memory: readonly MemoryRange[], address: bigint): MemoryRange | null {
  return (
    memory.find((range) => address >= range.address && address < range.address + range.sizeBytes) ??
    null
  );
}

/** Symbols of xen/arch/x86/xen.lds.S between which one protection holds (4.8 on). */
const BOUNDARIES = [
  '__2M_text_end',
  '__2M_rodata_end',
  '__init_begin',
  '_einittext',
  '__init_end',
] as const;

/**
 * Gives ranges the protection that Xen gives them when it has booted, cutting them where it changes:
 * text is not writable, read-only data is neither, the init part is gone. Files say otherwise (Debian's
 * .text is writable on paper, an ELF32 image is one piece). Ranges stay as they are where the table
 * lacks one of the boundaries.
 */
export function protectAsXenDoes(
  memory: readonly MemoryRange[],
  symbols: SymbolTable,
): readonly MemoryRange[] {
  const found = BOUNDARIES.map((name) => symbols.lookup(name));
  const [textEnd, rodataEnd, initStart, initTextEnd, initEnd] = found;
  if (
    textEnd == null ||
    rodataEnd == null ||
    initStart == null ||
    initTextEnd == null ||
    initEnd == null
  ) {
    return memory;
  }
  const cuts = [textEnd, rodataEnd, initStart, initTextEnd, initEnd];
  return memory
    .flatMap((range) => cutAt(range, cuts))
    .map((range) => {
      const { address } = range;
      const init = address >= initStart && address < initEnd;
      return {
        ...range,
        init,
        executable: address < textEnd || (init && address < initTextEnd),
        writable: init ? address >= initTextEnd : address >= rodataEnd,
      };
    });
}

function cutAt(range: MemoryRange, cuts: readonly bigint[]): readonly MemoryRange[] {
  const end = range.address + range.sizeBytes;
  const inside = cuts.filter((cut) => cut > range.address && cut < end);
  const edges = [...new Set([range.address, ...inside, end])].sort((a, b) => (a < b ? -1 : 1));
  return edges.slice(0, -1).map((from, index) => {
    const to = edges[index + 1] ?? end;
    const clamp = (address: bigint) =>
      Math.min(Number(address - range.address), range.bytes.length);
    return {
      ...range,
      address: from,
      bytes: range.bytes.subarray(clamp(from), clamp(to)),
      sizeBytes: to - from,
    };
  });
}
