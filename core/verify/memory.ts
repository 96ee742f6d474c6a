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

/** Whether a store to a mapped range succeeds. */
export type WritePermission = (region: Region) => boolean;

const isWritable: WritePermission = ({ writable }) => writable;

interface Slot {
  region: Region;
  /** True while another address space may hold the same bytes: copied before the first write. */
  shared: boolean;
  view: DataView;
}

function slotOf(given: Region, shared: boolean): Slot {
  const region = { ...given, bytes: plain(given.bytes) };
  const { bytes } = region;
  return { region, shared, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/**
 * The same bytes as a plain Uint8Array. A Buffer is one too, but its slice() is a view: bytes that were
 * saved before a write would change with it.
 */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Mapped ranges with C's loads and stores. Copies are cheap: bytes are copied on the first write. */
export class AddressSpace {
  /** By ascending base. Regions do not overlap. */
  #slots: Slot[];
  #last: Slot | undefined;
  readonly #guesses = new Set<string>();

  constructor(regions: readonly Region[]) {
    this.#slots = regions.map((region) => slotOf(region, true)).sort(byBase);
  }

  get regions(): readonly Region[] {
    return this.#slots.map((slot) => slot.region);
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
    return this.#find(address)?.region.isKnown !== false;
  }

  /** A copy that can be written without this one changing. */
  fork(): AddressSpace {
    const copy = new AddressSpace(this.regions);
    for (const slot of this.#slots) slot.shared = true;
    return copy;
  }

  map(region: Region): void {
    this.#slots.push(slotOf(region, false));
    this.#slots.sort(byBase);
  }

  /** Unmaps every region that begins in [base, base + size). */
  unmap(base: bigint, sizeBytes: bigint): void {
    this.#last = undefined;
    this.#slots = this.#slots.filter(
      ({ region }) => region.base < base || region.base >= base + sizeBytes,
    );
  }

  isMapped(address: bigint): boolean {
    return this.#find(address) !== undefined;
  }

  u8(address: bigint): number {
    return this.read(address, 1)[0] ?? 0;
  }

  u16(address: bigint): number {
    const at = this.#within(address, 2);
    return at ? at.slot.view.getUint16(at.offset, true) : Number(this.#assemble(address, 2));
  }

  u32(address: bigint): number {
    const at = this.#within(address, 4);
    return at ? at.slot.view.getUint32(at.offset, true) : Number(this.#assemble(address, 4));
  }

  i32(address: bigint): number {
    return this.u32(address) | 0;
  }

  u64(address: bigint): bigint {
    const at = this.#within(address, 8);
    return at ? at.slot.view.getBigUint64(at.offset, true) : this.#assemble(address, 8);
  }

  /** The bytes at an address; a view where they lie in one region. The length must be a sane one. */
  read(address: bigint, length: number): Uint8Array {
    if (length === 0) return new Uint8Array(0);
    const at = this.#within(address, length);
    if (at) return at.slot.region.bytes.subarray(at.offset, at.offset + length);
    this.#checkRange('read', address, BigInt(length));
    return Uint8Array.from({ length }, (_, i) => {
      const byte = this.#within(wrap64(address + BigInt(i)), 1);
      return byte ? byte.slot.view.getUint8(byte.offset) : 0;
    });
  }

  /**
   * The string at an address as strcmp would see it, latin1. Where memory ends before a NUL does,
   * it is what there is, and `terminated` is false: a printk("%s") of it would fault.
   */
  string(address: bigint): { readonly text: string; readonly terminated: boolean } {
    const slot = this.#find(address);
    if (!slot) throw new MemoryFault('read', address);
    this.#noteGuess(slot, address);
    const { bytes, base } = slot.region;
    const start = Number(address - base);
    const nul = bytes.indexOf(0, start);
    const end = nul < 0 ? bytes.length : nul;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString(
      'latin1',
    );
    if (nul >= 0) return { text, terminated: true };
    const next = wrap64(base + BigInt(bytes.length));
    if (!this.isMapped(next)) return { text, terminated: false };
    const rest = this.string(next);
    return { text: text + rest.text, terminated: rest.terminated };
  }

  /**
   * The string at an address for a printk("%s"), which reads up to the NUL. A pointer into the first
   * page is printed as `<NULL>` and not followed (vsnprintf, common/vsprintf.c; all releases).
   */
  printed(address: bigint): string {
    if (address < FIRST_PAGE_END) return '<NULL>';
    const { text, terminated } = this.string(address);
    if (!terminated) throw new MemoryFault('read', wrap64(address + BigInt(text.length)));
    return text;
  }

  /** True when the n bytes at two addresses are equal (memcmp, which stops at a difference). */
  equal(a: bigint, b: bigint, length: number): boolean {
    for (let i = 0; i < length; i++) {
      if (this.u8(wrap64(a + BigInt(i))) !== this.u8(wrap64(b + BigInt(i)))) return false;
    }
    return true;
  }

  setU32(address: bigint, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
    this.write(address, bytes);
  }

  setU64(address: bigint, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, wrap64(value), true);
    this.write(address, bytes);
  }

  /** Stores bytes. While patches are written, more can be written than what is writable. */
  write(address: bigint, bytes: Uint8Array, canWrite: WritePermission = isWritable): void {
    for (let done = 0; done < bytes.length; ) {
      const here = wrap64(address + BigInt(done));
      const slot = this.#find(here);
      if (!slot) throw new MemoryFault('write', here);
      if (!canWrite(slot.region)) throw new MemoryFault('write', here, 'read-only');
      this.#own(slot);
      const offset = Number(here - slot.region.base);
      const count = Math.min(bytes.length - done, slot.region.bytes.length - offset);
      slot.region.bytes.set(bytes.subarray(done, done + count), offset);
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

  #noteGuess({ region }: Slot, address: bigint): void {
    if (region.isKnown === false) this.guess(`Xen reads zeros at ${formatAddress(address)}`);
  }

  #find(address: bigint): Slot | undefined {
    const last = this.#last;
    if (last && contains(last.region, address)) return last;
    // Some hundred regions are looked through for each string of each payload: by halves.
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#slots[middle]?.region.base ?? 0n) <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.#slots[low - 1];
    if (found === undefined || !contains(found.region, address)) return undefined;
    this.#last = found;
    return found;
  }

  #within(address: bigint, length: number): { slot: Slot; offset: number } | undefined {
    const slot = this.#find(address);
    if (!slot) throw new MemoryFault('read', address);
    this.#noteGuess(slot, address);
    const offset = Number(address - slot.region.base);
    return offset + length <= slot.region.bytes.length ? { slot, offset } : undefined;
  }

  #assemble(address: bigint, length: number): bigint {
    return this.read(address, length).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }

  #checkRange(access: 'read' | 'write', address: bigint, sizeBytes: bigint): void {
    let here = address;
    for (let left = sizeBytes; left > 0n; ) {
      const slot = this.#find(here);
      if (!slot) throw new MemoryFault(access, here);
      const run = slot.region.base + BigInt(slot.region.bytes.length) - here;
      left -= run;
      here = wrap64(here + run);
    }
  }

  #own(slot: Slot): void {
    if (!slot.shared) return;
    const fresh = slotOf({ ...slot.region, bytes: slot.region.bytes.slice() }, false);
    slot.region = fresh.region;
    slot.view = fresh.view;
    slot.shared = false;
  }
}

function byBase(a: Slot, b: Slot): number {
  if (a.region.base === b.region.base) return 0;
  return a.region.base < b.region.base ? -1 : 1;
}

function contains(region: Region, address: bigint): boolean {
  return address >= region.base && address < region.base + BigInt(region.bytes.length);
}
