import { XspliceError } from '../findings/index.js';
import {
  type HypervisorImage,
  type MemoryRange,
  rangeAt,
  readMemory,
  type SymbolTable,
  type XenSymbol,
} from '../image/index.js';
import { type PatchSite, readPatchSites } from './sites.js';

/** A piece of code between two symbols. */
export interface CodeExtent {
  /**
   * As Xen's own table names it; in a payload, as that payload does. Of several with one name, the
   * second one by address ends in `~2`. Escape before printing.
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
  readonly sites: readonly PatchSite[];
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
  return { symbols, memory, extents: extentsOf(symbols, memory), sites: readPatchSites(image) };
}

function extentsOf(symbols: SymbolTable, memory: readonly MemoryRange[]): readonly CodeExtent[] {
  const ranges = memory.filter((range) => range.executable);
  const starts: { readonly name: string; readonly address: bigint; readonly end: bigint }[] = [];
  let range: MemoryRange | null = null;
  for (const { address, type } of symbols.entries) {
    if (!/[tTwW]/.test(type) || starts.at(-1)?.address === address) continue;
    const name = commonName(symbols.at(address))?.name ?? '';
    if (range === null || address < range.address || address >= range.address + range.sizeBytes) {
      range = rangeAt(ranges, address);
    }
    if (range !== null) starts.push({ name, address, end: range.address + range.sizeBytes });
  }
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
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((extents[middle]?.address ?? 0n) <= address) low = middle + 1;
    else high = middle;
  }
  const extent = extents[low - 1];
  if (extent === undefined || address >= extent.address + BigInt(extent.sizeBytes)) return null;
  return extent;
}

/** The bytes of an extent as the image has them; null where the image does not hold them all. */
export function imageBytes({ memory }: BaseCode, extent: CodeExtent): Uint8Array | null {
  return readMemory(memory, extent.address, extent.sizeBytes);
}
