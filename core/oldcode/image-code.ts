import { countLeading } from '../abi/address.js';
import { XspliceError } from '../findings/index.js';
import {
  type HypervisorImage,
  type MemoryRange,
  rangeAt,
  readMemory,
  type SymbolTable,
  type XenSymbol,
} from '../image/index.js';
import { type OutOfLineStart, outOfLineStarts } from './out-of-line.js';
import { type BootPatchSite, readPatchSites } from './sites.js';

/** A piece of code between two symbols, or of .fixup. */
export interface CodeExtent {
  /**
   * As Xen's own table names it; in a payload, as that payload does. Of several with one name, the
   * second one by address ends in `~2`. A piece of .fixup has the name of the function that may go there, and
   * `.fixup` behind it. Escape before printing.
   */
  readonly name: string;
  readonly address: bigint;
  /** Up to the next symbol, padding included. */
  readonly sizeBytes: number;
}

/** The hypervisor's own code, as its image has it. */
export interface BaseCode {
  readonly symbols: SymbolTable;
  readonly memory: readonly MemoryRange[];
  /** By ascending address, without gaps inside a range of code. */
  readonly extents: readonly CodeExtent[];
  /** By ascending address. */
  readonly sites: readonly BootPatchSite[];
}

/** Ours: Xen's text is below 2 MiB altogether. */
const MAX_EXTENT_BYTES = 2 * 1024 * 1024;

/**
 * Cuts the code of an image into functions. A function ends where the next symbol of code begins,
 * whatever size its own symbol states: Xen's own table has no sizes, and the same code has to give the
 * same digest whichever file of a build it was read from.
 *
 * Fails with `image-no-symbols`.
 */
export function readBaseCode(
  image: Pick<HypervisorImage, 'file' | 'memory' | 'symbols'>,
): BaseCode {
  const { symbols, memory } = image;
  if (symbols === null) {
    throw new XspliceError(
      'image-no-symbols',
      `${image.file} has no symbol table: where its functions begin is not known`,
    );
  }
  const sites = readPatchSites(image);
  const starts = functionStarts(symbols, memory);
  const extents = extentsOf(starts);
  const outside = outsideOfFunctions(extents, outOfLineStarts(image, sites));
  const all = outside.length === 0 ? extents : extentsOf(merged(starts, outside));
  return { symbols, memory, extents: all, sites };
}

interface CodeStart {
  readonly name: string;
  readonly address: bigint;
  /** Of the range of memory that it lies in. */
  readonly end: bigint;
}

function functionStarts(
  symbols: SymbolTable,
  memory: readonly MemoryRange[],
): readonly CodeStart[] {
  const ranges = memory.filter((range) => range.executable);
  const starts: CodeStart[] = [];
  let range: MemoryRange | null = null;
  for (const { address, type } of symbols.entries) {
    if (!/[tTwW]/.test(type) || starts.at(-1)?.address === address) continue;
    const name = commonName(symbols.at(address))?.name ?? '';
    if (range === null || address < range.address || address >= range.address + range.sizeBytes) {
      range = rangeAt(ranges, address);
    }
    if (range !== null) starts.push({ name, address, end: range.address + range.sizeBytes });
  }
  return starts;
}

function extentsOf(starts: readonly CodeStart[]): readonly CodeExtent[] {
  const taken = new Map<string, number>();
  return starts.map(({ name, address, end }, index) => {
    const next = starts[index + 1]?.address;
    const stop = next !== undefined && next < end ? next : end;
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    return {
      name: count === 1 ? name : `${name}~${count}`,
      address,
      sizeBytes: Math.min(Number(stop - address), MAX_EXTENT_BYTES),
    };
  });
}

/**
 * What is no part of the function whose symbol is the last one before it: where another function goes after a
 * fault, and what is no code that runs there. A label of the function that faults is none.
 */
function outsideOfFunctions(
  extents: readonly CodeExtent[],
  starts: readonly OutOfLineStart[],
): readonly CodeStart[] {
  const found: CodeStart[] = [];
  const withReplacements = new Set<CodeExtent>();
  for (const { address, of } of starts) {
    const within = extentAt(extents, address);
    if (within === null || within.address === address || found.at(-1)?.address === address)
      continue;
    const owner = of === null ? null : extentAt(extents, of);
    if (owner === within) continue;
    if (of === null) {
      // They lie side by side: one piece of all is enough.
      if (withReplacements.has(within)) continue;
      withReplacements.add(within);
    }
    const name = owner === null ? '.altinstr_replacement' : `${owner.name}.fixup`;
    found.push({ name, address, end: within.address + BigInt(within.sizeBytes) });
  }
  return found;
}

/** Two lists by ascending address as one. */
function merged(starts: readonly CodeStart[], others: readonly CodeStart[]): readonly CodeStart[] {
  return [...starts, ...others].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/**
 * The one of several symbols at an address that is used for it here: a name in capital or small letters
 * before one that begins otherwise (`_start`, `__2M_text_start`), then by the alphabet. In which
 * order Xen's table has them differs between the files of one build.
 */
export function commonName(symbols: readonly XenSymbol[]): XenSymbol | null {
  let best: XenSymbol | null = null;
  for (const symbol of symbols)
    if (best === null || isBefore(symbol.name, best.name)) best = symbol;
  return best;
}

function isBefore(name: string, other: string): boolean {
  const [isPlain, isOtherPlain] = [name, other].map((text) => /^[A-Za-z]/.test(text));
  return isPlain === isOtherPlain ? name < other : isPlain === true;
}

/** The extent that holds an address, of a list by ascending address; null where none does. */
export function extentAt(extents: readonly CodeExtent[], address: bigint): CodeExtent | null {
  const extent = extents[countLeading(extents, (e) => e.address <= address) - 1];
  if (extent === undefined || address >= extent.address + BigInt(extent.sizeBytes)) return null;
  return extent;
}

/** The bytes of an extent as the image has them; null where the image does not hold them all. */
export function imageBytes({ memory }: BaseCode, extent: CodeExtent): Uint8Array | null {
  return readMemory(memory, extent.address, extent.sizeBytes);
}
