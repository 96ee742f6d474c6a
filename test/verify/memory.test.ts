import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PAGE_SIZE } from '../../core/abi/address.js';
import { AddressSpace, MemoryFault, wrap64 } from '../../core/verify/memory.js';
import { pageAlign, pagesFor, placeInVmap } from '../../core/verify/vmap.js';

const BASE = 0xffff82d0_40000000n;
const region = (at: number, length: number, writable = true) => ({
  base: BASE + BigInt(at),
  bytes: new Uint8Array(length),
  writable,
  label: `r${at}`,
});
const fault = (access: 'read' | 'write', at: bigint) => (error: unknown) =>
  error instanceof MemoryFault && error.access === access && error.address === at;

describe('memory', () => {
  it('loads and stores go across regions and fault at the first byte that is not mapped', () => {
    const memory = new AddressSpace([region(0, 16), region(16, 16)]);
    memory.setU64(BASE + 12n, 0x1122334455667788n);
    assert.equal(memory.u64(BASE + 12n), 0x1122334455667788n);
    assert.equal(memory.u32(BASE + 14n), 0x33445566);
    assert.equal(memory.u16(BASE + 15n), 0x4455);
    assert.throws(() => memory.u64(BASE + 25n), fault('read', BASE + 32n));
    assert.throws(() => memory.u8(BASE - 1n), fault('read', BASE - 1n));
    assert.throws(() => memory.read(BASE + 31n, 2), fault('read', BASE + 32n));
    assert.throws(() => memory.setU64(BASE + 28n, 1n), fault('write', BASE + 32n));
  });

  it('what is not writable faults unless the permissions are relaxed', () => {
    const memory = new AddressSpace([region(0, 8, false)]);
    assert.throws(() => memory.write(BASE, Uint8Array.of(1)), fault('write', BASE));
    memory.write(BASE, Uint8Array.of(1), () => true);
    assert.equal(memory.u8(BASE), 1);
  });

  it('copies of any size fault before anything is written', () => {
    const memory = new AddressSpace([region(0, 16), region(64, 4)]);
    assert.throws(() => memory.copy(BASE, BASE, (1n << 64n) - 1n), fault('read', BASE + 16n));
    assert.throws(() => memory.copy(BASE + 64n, BASE, 8n), fault('write', BASE + 68n));
    assert.throws(() => memory.zero(BASE, 1n << 40n), fault('write', BASE + 16n));
    memory.copy(BASE, BASE + 64n, 0n);
  });

  it('strings go across regions, and one that memory ends can be compared but not printed', () => {
    const memory = new AddressSpace([region(0, 4), region(4, 4)]);
    memory.write(BASE, Buffer.from('abcdef\0'));
    assert.deepEqual(memory.string(BASE), { text: 'abcdef', terminated: true });
    memory.write(BASE + 6n, Buffer.from('gh'));
    assert.deepEqual(memory.string(BASE), { text: 'abcdefgh', terminated: false });
    assert.throws(() => memory.printed(BASE), fault('read', BASE + 8n));
    assert.throws(() => memory.string(0n), fault('read', 0n));
    const same = ['abcdefgh', 'abcdefg', 'abcdefghi', ''].map((t) => memory.isString(BASE, t));
    assert.deepEqual(same, [true, false, false, false]);
    memory.write(BASE + 3n, Buffer.from('\0'));
    assert.deepEqual(
      ['abc', 'ab', 'abcd', 'abd'].map((t) => memory.isString(BASE, t)),
      [true, false, false, false],
    );
    assert.throws(() => memory.isString(0n, ''), fault('read', 0n));
    assert.equal(memory.printed(0xfffn), '<NULL>');
  });

  it('a fork of memory that is held in a Buffer is a copy all the same', () => {
    const bytes = Buffer.from([1, 2, 3, 4]);
    const memory = new AddressSpace([{ base: BASE, bytes, writable: true, label: 'a file' }]);
    const saved = memory.read(BASE, 2).slice();
    const copy = memory.fork();
    copy.write(BASE, Uint8Array.of(9));
    assert.equal(copy.u8(BASE), 9);
    assert.equal(memory.u8(BASE), 1);
    assert.deepEqual(saved, Uint8Array.of(1, 2));
    assert.deepEqual([...bytes], [1, 2, 3, 4]);
  });

  it('memory is compared up to the first difference', () => {
    const memory = new AddressSpace([region(0, 8)]);
    memory.write(BASE, Uint8Array.of(1, 2, 3, 4, 1, 9, 3, 4));
    assert.equal(memory.equal(BASE, BASE + 4n, 100), false);
    assert.throws(() => memory.equal(BASE, BASE, 9), fault('read', BASE + 8n));
  });

  it('unmapping takes whole regions and their addresses with them', () => {
    const memory = new AddressSpace([region(0, 8), region(8, 8)]);
    memory.u8(BASE);
    memory.unmap(BASE, 8n);
    assert.equal(memory.isMapped(BASE), false);
    assert.equal(memory.isMapped(BASE + 8n), true);
    assert.throws(() => memory.u8(BASE), fault('read', BASE));
  });

  it('addresses wrap', () => {
    const memory = new AddressSpace([
      { base: wrap64(-4n), bytes: Uint8Array.of(1, 2, 3, 4), writable: true, label: 'last' },
      { base: 0n, bytes: Uint8Array.of(5, 6, 7, 8), writable: true, label: 'first' },
    ]);
    assert.equal(memory.u64(wrap64(-4n)), 0x0807060504030201n);
  });

  it('forks do not see each other, whichever is written', () => {
    // Long enough for writes that leave most of what forks share as it is, and for some across its parts.
    const sizes = [3 * 4096 + 100, 4096, 50] as const;
    const total = sizes[0] + sizes[1] + sizes[2];
    const write = fc.record({
      space: fc.nat(3),
      at: fc.nat(total - 1),
      length: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9000 })),
      value: fc.nat(255),
      fork: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 40 }), (writes) => {
        const regions = [
          region(0, sizes[0]),
          region(sizes[0], sizes[1]),
          region(sizes[0] + sizes[1], sizes[2]),
        ];
        const spaces = [new AddressSpace(regions)];
        const shadows = [new Uint8Array(total)];
        for (const { space, at, length, value, fork } of writes) {
          const index = space % spaces.length;
          const memory = spaces[index];
          const shadow = shadows[index];
          assert.ok(memory && shadow);
          if (fork) {
            spaces.push(memory.fork());
            shadows.push(shadow.slice());
          }
          const bytes = new Uint8Array(Math.min(length, total - at)).fill(value);
          memory.write(BASE + BigInt(at), bytes);
          shadow.set(bytes, at);
          const around = Math.max(0, at - 20);
          assert.deepEqual(
            Buffer.from(memory.read(BASE + BigInt(around), at + bytes.length - around)),
            Buffer.from(shadow.subarray(around, at + bytes.length)),
          );
        }
        spaces.forEach((memory, i) => {
          const shadow = Buffer.from(shadows[i] ?? []);
          assert.ok(shadow.equals(memory.read(BASE, total)));
          assert.deepEqual(
            memory.regions.map(({ base, bytes }) => [base, bytes.length]),
            regions.map(({ base, bytes }) => [base, bytes.length]),
          );
          assert.ok(shadow.equals(Buffer.concat(memory.regions.map(({ bytes }) => bytes))));
        });
        assert.ok(regions.every(({ bytes }) => bytes.every((byte) => byte === 0)));
      }),
    );
  });

  it('a write to a fork copies what it touches, not the region', () => {
    const memory = new AddressSpace([region(0, 1 << 20)]);
    const fork = memory.fork();
    fork.write(BASE + 0x8000n, Uint8Array.of(1));
    const same = (at: bigint) => fork.read(at, 16).buffer === memory.read(at, 16).buffer;
    assert.deepEqual([BASE, BASE + 0x8000n, BASE + 0x9000n].map(same), [true, false, true]);
  });

  it('strings and numbers are read across what a fork copied and what it did not', () => {
    const text = Buffer.from(`${'x'.repeat(5000)}\0`);
    const memory = new AddressSpace([{ base: BASE, bytes: text, writable: true, label: 'text' }]);
    const fork = memory.fork();
    fork.write(BASE + 4094n, Buffer.from('ab'));
    assert.deepEqual(memory.string(BASE), { text: 'x'.repeat(5000), terminated: true });
    assert.equal(fork.printed(BASE + 4090n), `xxxxab${'x'.repeat(904)}`);
    assert.equal(fork.u32(BASE + 4094n), 0x78786261);
    assert.equal(fork.u64(BASE + 4090n), 0x7878626178787878n);
  });

  it('what is read of contents that are not known is guessed once, however it lies', () => {
    const unknown = { ...region(0, 3 * 4096), isKnown: false };
    const memory = new AddressSpace([unknown]);
    memory.write(BASE + 4096n, new Uint8Array(1));
    memory.read(BASE + 4000n, 200);
    assert.deepEqual(memory.guesses, [`Xen reads zeros at ${(BASE + 4000n).toString(16)}`]);
  });
});

describe('placement in the range of vmalloc_xen', () => {
  const first = BASE + 9n * PAGE_SIZE;
  const at = (page: bigint) => first + page * PAGE_SIZE;
  const cases: readonly (readonly [
    string,
    readonly (readonly [bigint, bigint])[],
    bigint,
    bigint,
  ])[] = [
    ['the first is behind the bitmap and a guard page', [], 1n, 0n],
    ['the second behind the first and a guard page', [[0n, 3n]], 1n, 4n],
    [
      'a gap is filled where a guard page stays behind it',
      [
        [0n, 1n],
        [5n, 1n],
      ],
      2n,
      2n,
    ],
    [
      'and is not where none would',
      [
        [0n, 1n],
        [5n, 1n],
      ],
      3n,
      7n,
    ],
    [
      'whatever the order of upload',
      [
        [5n, 1n],
        [0n, 1n],
      ],
      2n,
      2n,
    ],
  ];
  for (const [title, taken, pages, expected] of cases) {
    it(title, () => {
      const allocations = taken.map(([page, count]) => ({ base: at(page), pages: count }));
      assert.equal(placeInVmap(BASE, allocations, pages), at(expected));
    });
  }

  it('a full range is told', () => {
    assert.equal(placeInVmap(BASE, [], (1n << 30n) / PAGE_SIZE), null);
  });

  it('sizes round up, and wrap as in C', () => {
    assert.deepEqual([pagesFor(0n), pagesFor(1n), pagesFor(4097n)], [0n, 1n, 2n]);
    assert.equal(pagesFor((1n << 64n) - 1n), 0n);
    assert.deepEqual([pageAlign(1n), pageAlign(4096n)], [4096n, 4096n]);
  });
});
