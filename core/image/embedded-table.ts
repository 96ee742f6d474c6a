import { KSYM_NAME_LEN } from '../abi/livepatch.js';
import type { XenSymbol } from './symbol-table.js';

/**
 * Xen carries its own symbol table in .rodata, stripped or not: arrays that xen/tools/symbols.c
 * writes in this order (write_src, the same from 4.7 to 4.22 but for alignment and names):
 *
 *     addresses (u32 offsets from XEN_VIRT_START on x86, u64 on arm64) · their number (u32)
 *     names: a length byte, then that many token numbers, the first character being the type
 *     markers (u32): where every 256th name begins
 *     token table: 256 NUL-terminated strings · token index (u16): where each begins
 *
 * Nothing points at it in a stripped image, so it is searched for. What is taken for a table repeats
 * itself in two places that have to agree to the byte: the markers, and the token index.
 */
const TOKENS = 256;
const NAMES_PER_MARKER = 256;
/** Ours: smaller tables than any Xen's are not worth a false match. */
const MIN_SYMBOLS = 256;
const MAX_SYMBOLS = 1 << 18;
/**
 * Ours: entries looked at in all candidates together, so that bytes made to look like the start of a
 * table everywhere end the search. Real images need less than a hundredth.
 */
const MAX_ENTRIES_TRIED = 1 << 21;
const SAMPLES = 16;

/**
 * Finds and decodes the table in the bytes of an image. `origin` is XEN_VIRT_START, which the offsets
 * of an x86 table are relative to. Null where no table is found.
 */
export function findEmbeddedTable(bytes: Uint8Array, origin: bigint): readonly XenSymbol[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let left = MAX_ENTRIES_TRIED;
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const count = view.getUint32(at, true);
    if (count < MIN_SYMBOLS || count > MAX_SYMBOLS) continue;
    for (const word of [4, 8] as const) {
      if (!mayEndAddresses(view, at, count, word)) continue;
      left -= count;
      if (left < 0) return null;
      const addresses = readAddresses(view, at, count, word, origin);
      if (addresses === null) continue;
      const entries = readEntries(bytes, view, at + 4, addresses);
      if (entries !== null) return entries;
    }
  }
  return null;
}

/** A quick test: sixteen of the addresses, spread evenly, ascend. Almost nothing but the table passes it. */
function mayEndAddresses(view: DataView, end: number, count: number, word: 4 | 8): boolean {
  const start = end - count * word;
  if (start < 0) return false;
  let previous = -1;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const index = Math.floor((sample * (count - 1)) / (SAMPLES - 1));
    // The upper halves of 64-bit addresses are all but equal: the lower ones tell.
    const value = view.getUint32(start + index * word, true);
    if (value <= previous) return false;
    previous = value;
  }
  return true;
}

/** The addresses that end right before their number; null where they are not in ascending order. */
function readAddresses(
  view: DataView,
  end: number,
  count: number,
  word: 4 | 8,
  origin: bigint,
): readonly bigint[] | null {
  const start = end - count * word;
  const addresses: bigint[] = [];
  let previous = 0n;
  for (let index = 0; index < count; index++) {
    const value =
      word === 4
        ? BigInt(view.getUint32(start + index * 4, true))
        : view.getBigUint64(start + index * 8, true);
    if (value < previous) return null;
    previous = value;
    addresses.push(word === 4 ? origin + value : value);
  }
  return addresses;
}

function readEntries(
  bytes: Uint8Array,
  view: DataView,
  namesAt: number,
  addresses: readonly bigint[],
): readonly XenSymbol[] | null {
  const names: { readonly start: number; readonly length: number }[] = [];
  let at = namesAt;
  for (let index = 0; index < addresses.length; index++) {
    const length = bytes[at];
    if (length === undefined) return null;
    names.push({ start: at + 1, length });
    at += 1 + length;
  }
  const afterMarkers = skipMarkers(view, align(at, 4), namesAt, names);
  const tokens = afterMarkers === null ? null : readTokens(bytes, view, afterMarkers);
  return tokens === null ? null : expand(bytes, names, addresses, tokens);
}

/** Where the markers end; null where one does not point at its name. */
function skipMarkers(
  view: DataView,
  start: number,
  namesAt: number,
  names: readonly { readonly start: number }[],
): number | null {
  const count = Math.ceil(names.length / NAMES_PER_MARKER);
  if (start + count * 4 > view.byteLength) return null;
  for (let index = 0; index < count; index++) {
    const name = names[index * NAMES_PER_MARKER];
    if (
      name === undefined ||
      view.getUint32(start + index * 4, true) !== name.start - 1 - namesAt
    ) {
      return null;
    }
  }
  return start + count * 4;
}

/** The 256 tokens; null where the index behind them does not agree. */
function readTokens(bytes: Uint8Array, view: DataView, start: number): readonly string[] | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tokens: string[] = [];
  const offsets: number[] = [];
  let at = start;
  for (let index = 0; index < TOKENS; index++) {
    const end = buffer.indexOf(0, at);
    if (end < 0 || end - at > KSYM_NAME_LEN) return null;
    offsets.push(at - start);
    tokens.push(buffer.toString('latin1', at, end));
    at = end + 1;
  }
  for (const alignment of [2, 4]) {
    const indexAt = align(at, alignment);
    if (indexAt + TOKENS * 2 > view.byteLength) continue;
    if (offsets.every((offset, i) => view.getUint16(indexAt + i * 2, true) === offset))
      return tokens;
  }
  return null;
}

function expand(
  bytes: Uint8Array,
  names: readonly { readonly start: number; readonly length: number }[],
  addresses: readonly bigint[],
  tokens: readonly string[],
): readonly XenSymbol[] | null {
  const entries: XenSymbol[] = [];
  for (const [index, { start, length }] of names.entries()) {
    const address = addresses[index];
    if (address === undefined) return null;
    // 4.21 on: an entry without a name says where the function before it ends.
    if (length === 0) {
      const last = entries.at(-1);
      if (last !== undefined)
        entries[entries.length - 1] = { ...last, size: address - last.address };
      continue;
    }
    let text = '';
    for (const token of bytes.subarray(start, start + length)) text += tokens[token] ?? '';
    if (text.length < 2 || text.length > KSYM_NAME_LEN + 1) return null;
    entries.push({ name: text.slice(1), address, type: text.charAt(0), size: 0n });
  }
  return entries;
}

function align(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
