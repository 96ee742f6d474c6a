import type { TextRange } from '../../core/portrait/index.js';
import { type Markup, markup } from './html.js';

/** A function of the hypervisor that a payload replaces. */
export interface MapEntry {
  readonly name: string;
  readonly payload: string;
  readonly address: bigint;
  readonly sizeBytes: number;
}

const WIDTH = 900;
const LEFT = 150;
const ROW = 18;
/** Rows that a range is cut into, at most; a row is at least a page. */
const MAX_ROWS = 32;
const PAGE = 4096n;

/** The code of the hypervisor from its start to its end, a line a stretch, with what is replaced marked. */
export function textMap(text: readonly TextRange[], entries: readonly MapEntry[]): Markup {
  return markup`${text.map((range) => rangeMap(range, entries))}`;
}

function rangeMap({ address, sizeBytes }: TextRange, entries: readonly MapEntry[]): Markup {
  const end = address + sizeBytes;
  const inside = entries.filter((entry) => entry.address >= address && entry.address < end);
  const pages = (sizeBytes + PAGE - 1n) / PAGE;
  const perRow = ((pages + BigInt(MAX_ROWS) - 1n) / BigInt(MAX_ROWS)) * PAGE;
  const rows = Number((sizeBytes + perRow - 1n) / perRow);
  const scale = (bytes: bigint) => (Number(bytes) / Number(perRow)) * WIDTH;
  const height = rows * ROW + 4;
  const label = `Code from ${hex(address)} to ${hex(end)}, ${inside.length} functions replaced`;
  return markup`<div class="scroll" tabindex="0" role="group" aria-label="${label}"><svg role="img" aria-label="${label}" xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH}" height="${height}" viewBox="0 0 ${LEFT + WIDTH} ${height}">
${Array.from({ length: rows }, (_, row) => {
  const start = BigInt(row) * perRow;
  const length = sizeBytes - start < perRow ? sizeBytes - start : perRow;
  return markup`<text class="soft" x="0" y="${row * ROW + 13}">${hex(address + start)}</text><rect class="band" x="${LEFT}" y="${row * ROW + 2}" width="${scale(length).toFixed(1)}" height="${ROW - 4}"/>`;
})}
${inside.map(({ name, payload, address: at, sizeBytes: size }) => {
  const offset = at - address;
  const row = Number(offset / perRow);
  // What is smaller than a hair is drawn as one.
  const width = Math.max(3, scale(BigInt(size)));
  return markup`<rect class="patch" x="${(LEFT + scale(offset % perRow)).toFixed(1)}" y="${row * ROW + 1}" width="${width.toFixed(1)}" height="${ROW - 2}"><title>${name}, ${size} bytes, by ${payload}</title></rect>`;
})}
</svg></div>`;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
