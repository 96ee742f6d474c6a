import { countLeading } from '../abi/address.js';

/**
 * The memory of a hypervisor as Xen's loader sees it: ranges that are mapped, and everything else,
 * where an access ends in a page fault. The loader is replayed over it, so a fatal verdict is not
 * a rule of its own: it is what a read or write of Xen's outside these ranges amounts to.
 */

const MASK_64 = (1n << 64n) - 1n;
const FIRST_PAGE_END = 4096n;

/** C's unsigned 64-bit result of a sum or product: Xen's arithmetic wraps. */
export function wrap64(value: bigint): bigint {
  return value & MASK_64;
}

/** C's `(int64_t)value`. */
export function signed64(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

/** C's `(uint32_t)value`. */
export function wrap32(value: bigint): bigint {
  return BigInt.asUintN(32, value);
}

/** How addresses are shown everywhere: 16 hex digits, as Xen's %p. */
export function formatAddress(address: bigint): string {
  return address.toString(16).padStart(16, '0');
}

/** An access of Xen's that ends in a fatal page fault (or #GP, for a non-canonical address). */
export class MemoryFault extends Error {
  override readonly name = 'MemoryFault';
  readonly access: 'read' | 'write';
  readonly address: bigint;
  constructor(
    access: 'read' | 'write',
    address: bigint,
    why: 'unmapped' | 'read-only' = 'unmapped',
  ) {
    super(`${access} of ${why} address ${formatAddress(address)}`);
    this.access = access;
    this.address = address;
  }
}

/** One mapped range. */
export interface Region {
  readonly base: bigint;
  readonly bytes: Uint8Array;
  readonly writable: boolean;
  /** What a range that is not writable holds; absent where that is not known. */
  readonly holds?: 'text' | 'rodata';
  /** False where it is mapped but nobody knows what is in it: `bytes` are then zeros. Default: true. */
  readonly isKnown?: boolean;
  /** What it is, e.g. `.text` or `payload hello`. */
  readonly label: string;
}

/** What is mapped there, whatever its bytes are now. */
export type Mapping = Omit<Region, 'bytes'>;

/** Whether a store to a mapped range succeeds. */
export type WritePermission = (mapping: Mapping) => boolean;

const isWritable: WritePermission = ({ writable }) => writable;

/**
 * Ours: text beyond this is cut. Xen's own names have 127 characters at most, those that it keeps of payloads
 * 126, and a line of its console 1,023: what is cut is in none of them.
 */
export const MAX_TEXT_BYTES = 8192;

/** Bytes that are copied at once when shared ones are written. */
const CHUNK_BYTES = 4096;

/** A part of a region whose bytes lie together: all of it, until some of it is copied to be written. */
interface Piece {
  readonly mapping: Mapping;
  readonly start: bigint;
  /** One past the last. */
  readonly end: bigint;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** True once somebody else may hold the same bytes: these are never written. */
  isShared: boolean;
}

function pieceOf(mapping: Mapping, start: bigint, bytes: Uint8Array, isShared: boolean): Piece {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { mapping, start, end: start + BigInt(bytes.length), bytes, view, isShared };
}

function wholeRegion({ bytes, ...mapping }: Region, isShared: boolean): Piece {
  return pieceOf(mapping, mapping.base, plain(bytes), isShared);
}

/**
 * The same bytes as a plain Uint8Array. A Buffer is one too, but its slice() is a view: bytes that were
 * saved before a write would change with it.
 */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Mapped ranges with C's loads and stores. Forks are cheap: they share what neither has written since. */
export class AddressSpace {
  /** By ascending start. They do not overlap; those of one region are neighbours. */
  #pieces: Piece[];
  /** Those that nobody else holds. */
  #owned = new Set<Piece>();
  #last: Piece | undefined;
  readonly #guesses = new Set<string>();

  constructor(regions: readonly Region[]) {
    this.#pieces = regions.map((region) => wholeRegion(region, true)).sort(byStart);
  }

  /** As they were mapped, with the bytes of now. */
  get regions(): readonly Region[] {
    const parts = new Map<Mapping, Uint8Array[]>();
    for (const { mapping, bytes } of this.#pieces) {
      const known = parts.get(mapping);
      if (known) known.push(bytes);
      else parts.set(mapping, [bytes]);
    }
    return [...parts].map(([mapping, bytes]) => ({ ...mapping, bytes: joined(bytes) }));
  }

  /** What had to be assumed of contents that are not known, in words. A fork begins with none. */
  get guesses(): readonly string[] {
    return [...this.#guesses];
  }

  guess(assumption: string): void {
    this.#guesses.add(assumption);
  }

  /** False where the address is in a range whose contents are not known. */
  isKnown(address: bigint): boolean {
    return this.#find(address)?.mapping.isKnown !== false;
  }

  /** A copy that can be written without this one changing. */
  fork(): AddressSpace {
    for (const piece of this.#owned) piece.isShared = true;
    this.#owned.clear();
    const copy = new AddressSpace([]);
    copy.#pieces = [...this.#pieces];
    return copy;
  }

  map(region: Region): void {
    const piece = wholeRegion(region, false);
    this.#owned.add(piece);
    this.#pieces.splice(this.#countUpTo(region.base), 0, piece);
  }

  /** Unmaps every region that begins in [base, base + size). */
  unmap(base: bigint, sizeBytes: bigint): void {
    this.#last = undefined;
    const first = countLeading(this.#pieces, ({ mapping }) => mapping.base < base);
    const end = countLeading(this.#pieces, ({ mapping }) => mapping.base < base + sizeBytes);
    for (const piece of this.#pieces.splice(first, end - first)) this.#owned.delete(piece);
  }

  isMapped(address: bigint): boolean {
    return this.#find(address) !== undefined;
  }

  /** Null where nothing is mapped. */
  mappingAt(address: bigint): Mapping | null {
    return this.#find(address)?.mapping ?? null;
  }

  u8(address: bigint): number {
    const piece = this.#readable(address);
    return piece.view.getUint8(Number(address - piece.start));
  }

  u16(address: bigint): number {
    const piece = this.#readable(address);
    const offset = Number(address - piece.start);
    return offset + 2 <= piece.bytes.length
      ? piece.view.getUint16(offset, true)
      : Number(this.#assemble(address, 2));
  }

  u32(address: bigint): number {
    const piece = this.#readable(address);
    const offset = Number(address - piece.start);
    return offset + 4 <= piece.bytes.length
      ? piece.view.getUint32(offset, true)
      : Number(this.#assemble(address, 4));
  }

  i32(address: bigint): number {
    return this.u32(address) | 0;
  }

  u64(address: bigint): bigint {
    const piece = this.#readable(address);
    const offset = Number(address - piece.start);
    return offset + 8 <= piece.bytes.length
      ? piece.view.getBigUint64(offset, true)
      : this.#assemble(address, 8);
  }

  /** The bytes at an address; a view where they lie together. The length must be a sane one. */
  read(address: bigint, length: number): Uint8Array {
    if (length === 0) return new Uint8Array(0);
    const { start, bytes } = this.#readable(address);
    const offset = Number(address - start);
    if (offset + length <= bytes.length) return bytes.subarray(offset, offset + length);
    this.#checkRange('read', address, BigInt(length));
    return joined([...this.#runs(address, length)]);
  }

  /** The same; null where not all of it is mapped. */
  readOrNull(address: bigint, length: number): Uint8Array | null {
    try {
      return this.read(address, length);
    } catch (error) {
      if (error instanceof MemoryFault) return null;
      throw error;
    }
  }

  /**
   * The string at an address, latin1 and cut behind {@link MAX_TEXT_BYTES}. Where memory ends before a NUL
   * does, it is what there is, and `terminated` is false: a printk("%s") of it would fault.
   */
  string(address: bigint): { readonly text: string; readonly terminated: boolean } {
    return { text: this.name(address), terminated: this.#unterminatedAt(address) === null };
  }

  /** The first characters of the same text, for a comparison: where the string ends is not looked for. */
  name(address: bigint, maxBytes = MAX_TEXT_BYTES): string {
    const { start, bytes } = this.#readable(address);
    const offset = Number(address - start);
    const near = bytes.subarray(offset, offset + maxBytes);
    const nul = near.indexOf(0);
    if (nul >= 0 || near.length === maxBytes) {
      return latin1(nul < 0 ? near : near.subarray(0, nul));
    }
    const text = latin1(joined([...this.#runs(address, maxBytes)]));
    const end = text.indexOf('\0');
    return end < 0 ? text : text.slice(0, end);
  }

  /** Whether the string at an address, as `string` has it, is this text: nothing is decoded to tell. */
  isString(address: bigint, text: string): boolean {
    const { start, bytes } = this.#readable(address);
    const offset = Number(address - start);
    if (offset + text.length >= bytes.length) return this.name(address) === text;
    for (let i = 0; i < text.length; i++) {
      if (bytes[offset + i] !== text.charCodeAt(i)) return false;
    }
    return bytes[offset + text.length] === 0;
  }

  /**
   * The string at an address for a printk("%s"), which reads up to the NUL. A pointer into the first
   * page is printed as `<NULL>` and not followed (vsnprintf, common/vsprintf.c; all releases).
   */
  printed(address: bigint): string {
    if (address < FIRST_PAGE_END) return '<NULL>';
    const end = this.#unterminatedAt(address);
    if (end !== null) throw new MemoryFault('read', end);
    return this.name(address);
  }

  /** Whether a printk("%s") of what is at an address ends: the pointer is printed, or leads to a string. */
  canPrint(address: bigint): boolean {
    if (address < FIRST_PAGE_END) return true;
    return this.isMapped(address) && this.#unterminatedAt(address) === null;
  }

  /** True when the n bytes at two addresses are equal (memcmp, which stops at a difference). */
  equal(a: bigint, b: bigint, length: number): boolean {
    for (let i = 0; i < length; i++) {
      if (this.u8(wrap64(a + BigInt(i))) !== this.u8(wrap64(b + BigInt(i)))) return false;
    }
    return true;
  }

  setU32(address: bigint, value: number): void {
    const piece = this.#writable(address, 4);
    const offset = Number(address - piece.start);
    if (offset + 4 <= piece.bytes.length) piece.view.setUint32(offset, value, true);
    else this.#scatter(address, 4, BigInt(value));
  }

  setU64(address: bigint, value: bigint): void {
    const piece = this.#writable(address, 8);
    const offset = Number(address - piece.start);
    if (offset + 8 <= piece.bytes.length) piece.view.setBigUint64(offset, value, true);
    else this.#scatter(address, 8, value);
  }

  /** Stores bytes. While patches are written, more can be written than what is writable. */
  write(address: bigint, bytes: Uint8Array, canWrite: WritePermission = isWritable): void {
    for (let done = 0; done < bytes.length; ) {
      const here = wrap64(address + BigInt(done));
      const piece = this.#writable(here, bytes.length - done, canWrite);
      const count = Math.min(bytes.length - done, Number(piece.end - here));
      piece.bytes.set(bytes.subarray(done, done + count), Number(here - piece.start));
      done += count;
    }
  }

  /** memcpy with a length of any size: faults where the first byte of either side is not mapped. */
  copy(to: bigint, from: bigint, sizeBytes: bigint): void {
    this.#checkRange('read', from, sizeBytes);
    this.#checkRange('write', to, sizeBytes);
    this.write(to, this.read(from, Number(sizeBytes)).slice());
  }

  /** memset(to, 0, size) with a length of any size. */
  zero(to: bigint, sizeBytes: bigint): void {
    this.#checkRange('write', to, sizeBytes);
    this.write(to, new Uint8Array(Number(sizeBytes)));
  }

  #noteGuess({ mapping }: Piece, address: bigint): void {
    if (mapping.isKnown === false) this.guess(`Xen reads zeros at ${formatAddress(address)}`);
  }

  #find(address: bigint): Piece | undefined {
    const last = this.#last;
    if (last && contains(last, address)) return last;
    const found = this.#pieces[this.#countUpTo(address) - 1];
    if (found === undefined || !contains(found, address)) return undefined;
    this.#last = found;
    return found;
  }

  /** The pieces that begin at an address or below: some hundred are looked through, by halves. */
  #countUpTo(address: bigint): number {
    return countLeading(this.#pieces, ({ start }) => start <= address);
  }

  /** The piece that has the first byte of what is read. */
  #readable(address: bigint): Piece {
    const piece = this.#find(address);
    if (!piece) throw new MemoryFault('read', address);
    this.#noteGuess(piece, address);
    return piece;
  }

  /** The piece that has the first byte of what is written, and nobody else's. */
  #writable(address: bigint, length: number, canWrite: WritePermission = isWritable): Piece {
    const found = this.#find(address);
    if (!found) throw new MemoryFault('write', address);
    if (!canWrite(found.mapping)) throw new MemoryFault('write', address, 'read-only');
    return found.isShared ? this.#own(found, address, length) : found;
  }

  /** The bytes from an address on, piece by piece, up to a length or to where nothing is mapped. */
  *#runs(address: bigint, length: number): Generator<Uint8Array> {
    let before: Mapping | undefined;
    for (let done = 0; done < length; ) {
      const here = wrap64(address + BigInt(done));
      const piece = this.#find(here);
      if (!piece) return;
      if (piece.mapping !== before) this.#noteGuess(piece, here);
      before = piece.mapping;
      const offset = Number(here - piece.start);
      const run = piece.bytes.subarray(offset, offset + length - done);
      yield run;
      done += run.length;
    }
  }

  /** Where memory ends before the NUL of a string does; null where there is a NUL. */
  #unterminatedAt(address: bigint): bigint | null {
    let length = 0;
    for (const run of this.#runs(address, Number.MAX_SAFE_INTEGER)) {
      if (bufferOver(run).includes(0)) return null;
      length += run.length;
    }
    return wrap64(address + BigInt(length));
  }

  #assemble(address: bigint, length: number): bigint {
    return this.read(address, length).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }

  #scatter(address: bigint, length: 4 | 8, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.write(address, bytes.subarray(0, length));
  }

  #checkRange(access: 'read' | 'write', address: bigint, sizeBytes: bigint): void {
    let here = address;
    for (let left = sizeBytes; left > 0n; ) {
      const piece = this.#find(here);
      if (!piece) throw new MemoryFault(access, here);
      const run = piece.end - here;
      left -= run;
      here = wrap64(here + run);
    }
  }

  /** Puts a copy in place of those chunks of a piece that a write touches, and returns it. */
  #own(shared: Piece, address: bigint, length: number): Piece {
    const { mapping, start, bytes } = shared;
    const first = Number(address - start);
    const from = first - (first % CHUNK_BYTES);
    const to = Math.min(Math.ceil((first + length) / CHUNK_BYTES) * CHUNK_BYTES, bytes.length);
    const own = pieceOf(mapping, start + BigInt(from), bytes.slice(from, to), false);
    this.#owned.add(own);
    const parts = [
      pieceOf(mapping, start, bytes.subarray(0, from), true),
      own,
      pieceOf(mapping, own.end, bytes.subarray(to), true),
    ].filter((part) => part.bytes.length > 0);
    this.#pieces.splice(this.#pieces.indexOf(shared), 1, ...parts);
    this.#last = own;
    return own;
  }
}

function byStart(a: Piece, b: Piece): number {
  if (a.start === b.start) return 0;
  return a.start < b.start ? -1 : 1;
}

function contains({ start, end }: Piece, address: bigint): boolean {
  return address >= start && address < end;
}

function latin1(bytes: Uint8Array): string {
  return bufferOver(bytes).toString('latin1');
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The bytes of one are not copied. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first, ...others] = parts;
  return first !== undefined && others.length === 0 ? first : plain(Buffer.concat(parts));
}
