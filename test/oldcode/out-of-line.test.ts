import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MemoryRange } from '../../core/image/index.js';
import { createSymbolTable, type XenSymbol } from '../../core/image/symbol-table.js';
import { readBaseCode } from '../../core/oldcode/index.js';

const TEXT = 0xffff82d0_40200000n;
const RODATA = TEXT + 0x1000n;

/** first, second and last are functions; behind the last one lie pieces of .fixup, as xen.lds.S puts them. */
const FUNCTIONS = { first: 0x00, second: 0x40, last: 0x80 };
const END = 0x100;

function range(address: bigint, bytes: Uint8Array, executable: boolean): MemoryRange {
  const sizeBytes = BigInt(bytes.length);
  return { address, bytes, sizeBytes, writable: false, executable, init: false };
}

/** An image with an exception table of these entries: where it may fault, and where it goes on. */
function codeOf(entries: readonly (readonly [from: number, to: number])[]) {
  const table = new Uint8Array(Math.max(entries.length * 8, 8));
  const view = new DataView(table.buffer);
  entries.forEach(([from, to], index) => {
    const at = RODATA + BigInt(index * 8);
    view.setInt32(index * 8, Number(TEXT + BigInt(from) - at), true);
    view.setInt32(index * 8 + 4, Number(TEXT + BigInt(to) - at - 4n), true);
  });
  const symbol = (name: string, address: bigint, type: string): XenSymbol => ({
    ...{ name, address, type, size: 0n },
  });
  return readBaseCode({
    file: 'xen-syms',
    memory: [range(TEXT, new Uint8Array(END).fill(0x90), true), range(RODATA, table, false)],
    symbols: createSymbolTable([
      ...Object.entries(FUNCTIONS).map(([name, at]) => symbol(name, TEXT + BigInt(at), 'T')),
      symbol('__start___ex_table', RODATA, 'R'),
      symbol('__stop___ex_table', RODATA + BigInt(entries.length * 8), 'R'),
    ]),
  });
}

/** A line an extent: its name, where it begins, how long it is. */
const extents = (entries: Parameters<typeof codeOf>[0]) =>
  codeOf(entries).extents.map(
    ({ name, address, sizeBytes }) =>
      `${name} +0x${(address - TEXT).toString(16)} ${sizeBytes.toString()}`,
  );

describe('code without a symbol', () => {
  it('is cut out of the function before it: pieces of .fixup belong to those that fault', () => {
    assert.deepEqual(
      extents([
        [0x08, 0xc0],
        [0x48, 0xd0],
        [0x50, 0xe0],
      ]),
      [
        'first +0x0 64',
        'second +0x40 64',
        'last +0x80 64',
        'first.fixup +0xc0 16',
        'second.fixup +0xd0 16',
        'second.fixup~2 +0xe0 32',
      ],
    );
  });

  it('is none where a function goes on in itself, or at the start of another', () => {
    assert.deepEqual(
      extents([
        [0x08, 0x10],
        [0x48, 0x00],
      ]),
      ['first +0x0 64', 'second +0x40 64', 'last +0x80 128'],
    );
  });

  it('counts once where several lead there', () => {
    assert.deepEqual(
      extents([
        [0x08, 0xc0],
        [0x48, 0xc0],
      ]),
      ['first +0x0 64', 'second +0x40 64', 'last +0x80 64', 'first.fixup +0xc0 64'],
    );
  });
});
