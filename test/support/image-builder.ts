import { gzipSync } from 'node:zlib';
import { buildIdNote, hexBytes } from './elf-builder.js';

/** XEN_VIRT_START since 4.15. */
export const VIRT_START = 0xffff82d0_40000000n;
/** Where mkelf32 puts the loaded bytes, and their distance from XEN_VIRT_START. */
export const LOAD_BASE = 0x200000;

export interface TableEntry {
  readonly name: string;
  readonly type: string;
  /** Distance from XEN_VIRT_START. */
  readonly offset: number;
}

/** The layouts that Xen's table has had: with nameless `end` entries or without, aligned or not. */
export interface TableLayout {
  /** Bytes that the parts after the names are aligned to: 4 up to 4.20, fewer since. */
  readonly tokenAlign: 1 | 4;
  /** Offsets at which a function ends, since 4.21. */
  readonly ends?: readonly number[];
}

/** Xen's symbol table as xen/tools/symbols.c lays it out, with one token per character. */
export function embeddedTable(entries: readonly TableEntry[], layout: TableLayout): Uint8Array {
  const all = [
    ...entries,
    ...(layout.ends ?? []).map((offset) => ({ name: '', type: '', offset })),
  ].sort((a, b) => a.offset - b.offset);
  const names = all.map(({ name, type }) => Buffer.from(type + name, 'latin1'));
  const starts: number[] = [];
  let at = 0;
  for (const name of names) {
    starts.push(at);
    at += 1 + name.length;
  }
  const used = new Set(names.flatMap((name) => [...name]));
  const tokens = Array.from({ length: 256 }, (_, code) =>
    Buffer.from(used.has(code) ? [code, 0] : [0]),
  );
  const tokenStarts: number[] = [];
  let tokenAt = 0;
  for (const token of tokens) {
    tokenStarts.push(tokenAt);
    tokenAt += token.length;
  }
  const parts: [Uint8Array, number][] = [
    [
      words(
        all.map(({ offset }) => offset),
        4,
      ),
      4,
    ],
    [words([all.length], 4), 4],
    [Buffer.concat(names.flatMap((name) => [Buffer.from([name.length]), name])), layout.tokenAlign],
    [
      words(
        starts.filter((_, index) => index % 256 === 0),
        4,
      ),
      4,
    ],
    [Buffer.concat(tokens), layout.tokenAlign],
    [words(tokenStarts, 2), layout.tokenAlign === 1 ? 2 : 4],
  ];
  let table = Buffer.alloc(0);
  for (const [part, align] of parts) {
    const padding = Math.ceil(table.length / align) * align - table.length;
    table = Buffer.concat([table, Buffer.alloc(padding), part]);
  }
  return table;
}

function words(values: readonly number[], size: 2 | 4): Uint8Array {
  const bytes = Buffer.alloc(values.length * size);
  values.forEach((value, index) => {
    if (size === 2) bytes.writeUInt16LE(value, index * 2);
    else bytes.writeUInt32LE(value, index * 4);
  });
  return bytes;
}

const TABLE_AT = 0x400;

/** Symbols of the loaded bytes below, and enough others to make a table that is taken for one. */
export const tableEntries: readonly TableEntry[] = [
  { name: '_start', type: 'T', offset: LOAD_BASE },
  { name: 'xen_major_version', type: 'T', offset: LOAD_BASE + 0x40 },
  { name: 'xen_minor_version', type: 'T', offset: LOAD_BASE + 0x50 },
  { name: 'xen_extra_version', type: 'T', offset: LOAD_BASE + 0x60 },
  ...Array.from({ length: 300 }, (_, index) => ({
    name: `common/filler.c#filler_${index}`,
    type: 't',
    offset: LOAD_BASE + 0x80 + index,
  })),
];

/** What a tiny Xen 4.17.7 has loaded: its id, its version functions, pointers, its symbol table. */
export function loadedBytes(
  id: Uint8Array,
  layout: TableLayout = { tokenAlign: 4 },
  virtStart: bigint = VIRT_START,
): Uint8Array {
  const table = embeddedTable(tableEntries, layout);
  const bytes = new Uint8Array(TABLE_AT + table.length + 64);
  const view = new DataView(bytes.buffer);
  bytes.set(buildIdNote(id));
  bytes.set(hexBytes('f30f1efa b804000000 c3'), 0x40);
  bytes.set(hexBytes('b811000000 e900000000'), 0x50);
  bytes.set(hexBytes('488d0509000000 c3'), 0x60);
  bytes.set(Buffer.from('.7\0'), 0x70);
  for (let at = 0x200; at < TABLE_AT; at += 8) {
    view.setBigUint64(at, virtStart + BigInt(LOAD_BASE + at), true);
  }
  bytes.set(table, TABLE_AT);
  return bytes;
}

/** The ELF32 that mkelf32 makes: one loaded segment and one note segment, no symbols. */
export function elf32Image(loaded: Uint8Array, noteSize: number): Uint8Array {
  const contentsAt = 0x80;
  const bytes = new Uint8Array(contentsAt + loaded.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x7f454c46);
  bytes.set([1, 1, 1], 4);
  view.setUint16(16, 2, true);
  view.setUint16(18, 3, true);
  view.setUint32(20, 1, true);
  view.setUint32(28, 52, true);
  view.setUint16(40, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, 2, true);
  const segment = (at: number, fields: readonly number[]) => {
    fields.forEach((value, index) => {
      view.setUint32(at + index * 4, value, true);
    });
  };
  segment(52, [1, contentsAt, LOAD_BASE, LOAD_BASE, loaded.length, loaded.length + 0x1000, 7, 64]);
  segment(84, [4, contentsAt, 0, 0, noteSize, noteSize, 4, 4]);
  bytes.set(loaded, contentsAt);
  return bytes;
}

export function gzImage(loaded: Uint8Array, noteSize: number): Uint8Array {
  return gzipSync(elf32Image(loaded, noteSize));
}

/** A PE32+: .text at LOAD_BASE, .buildid with a CodeView record, and .reloc, which is not kept. */
export function efiImage(loaded: Uint8Array, guid: Uint8Array): Uint8Array {
  const peAt = 0x80;
  const optionalAt = peAt + 24;
  const sectionsAt = optionalAt + 240;
  const textAt = 0x300;
  const debugAt = textAt + Math.ceil(loaded.length / 32) * 32;
  const debugRva = LOAD_BASE + 0x200000;
  const bytes = new Uint8Array(debugAt + 64);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from('MZ'));
  view.setUint32(0x3c, peAt, true);
  bytes.set(Buffer.from('PE\0\0'), peAt);
  view.setUint16(peAt + 4, 0x8664, true);
  view.setUint16(peAt + 6, 3, true);
  view.setUint16(peAt + 20, 240, true);
  view.setUint16(optionalAt, 0x20b, true);
  view.setBigUint64(optionalAt + 24, VIRT_START, true);
  view.setUint32(optionalAt + 108, 16, true);
  view.setUint32(optionalAt + 112 + 48, debugRva, true);
  view.setUint32(optionalAt + 112 + 52, 28, true);
  const section = (index: number, name: string, fields: readonly number[], flags: number) => {
    const at = sectionsAt + index * 40;
    bytes.set(Buffer.from(name), at);
    fields.forEach((value, field) => {
      view.setUint32(at + 8 + field * 4, value, true);
    });
    view.setUint32(at + 36, flags, true);
  };
  section(0, '.text', [loaded.length, LOAD_BASE, loaded.length, textAt], 0x60000020);
  section(1, '.buildid', [53, debugRva, 64, debugAt], 0x40000040);
  section(2, '.reloc', [64, debugRva + 0x1000, 64, debugAt], 0x42000040);
  bytes.set(loaded, textAt);
  view.setUint32(debugAt + 12, 2, true);
  view.setUint32(debugAt + 16, 25, true);
  view.setUint32(debugAt + 20, debugRva + 28, true);
  view.setUint32(debugAt + 24, debugAt + 28, true);
  bytes.set(Buffer.from('RSDS'), debugAt + 28);
  bytes.set(guid, debugAt + 32);
  return bytes;
}
