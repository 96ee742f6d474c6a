import type { ElfFile } from '../../core/elf/index.js';
import type { Prng } from '../support/prng.js';
import type { Field } from './fields.js';

/** Sets one field to a value that is worth trying there, and says so. */
export function mutateField(bytes: Uint8Array, elf: ElfFile, field: Field, prng: Prng): string {
  const old = readField(bytes, field);
  const bits = BigInt(field.width * 8);
  const value = BigInt.asUintN(Number(bits), pickValue(elf, field, old, prng));
  writeField(bytes, field, value);
  return `${field.label} 0x${old.toString(16)} -> 0x${value.toString(16)}`;
}

/** Changes the section table as a whole: removes, duplicates, empties or swaps. */
export function mutateSections(bytes: Uint8Array, elf: ElfFile, prng: Prng): [Uint8Array, string] {
  const { sectionHeaderOffset, sectionHeaderCount: count } = elf.header;
  const start = Number(sectionHeaderOffset);
  const at = (index: number) => start + index * 64;
  const index = 1 + prng.below(count - 1);
  const other = 1 + prng.below(count - 1);
  const name = elf.sections[index]?.name ?? '';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const setCount = (value: number) => view.setUint16(60, value, true);
  switch (prng.below(5)) {
    case 0: {
      // The last header takes its place, so that no other index but its own changes its meaning.
      bytes.copyWithin(at(index), at(count - 1), at(count));
      setCount(count - 1);
      return [bytes, `section [${index}] ${name} removed, the last takes its place`];
    }
    case 1: {
      const longer = new Uint8Array(bytes.length + 64 * (count + 1));
      longer.set(bytes);
      longer.set(bytes.subarray(start, at(count)), bytes.length);
      longer.set(bytes.subarray(at(index), at(index + 1)), bytes.length + 64 * count);
      const header = new DataView(longer.buffer);
      header.setBigUint64(40, BigInt(bytes.length), true);
      header.setUint16(60, count + 1, true);
      return [longer, `section [${index}] ${name} duplicated`];
    }
    case 2:
      view.setBigUint64(at(index) + 32, 0n, true);
      return [bytes, `section [${index}] ${name} emptied`];
    case 3: {
      const saved = bytes.slice(at(index), at(index + 1));
      bytes.copyWithin(at(index), at(other), at(other + 1));
      bytes.set(saved, at(other));
      return [bytes, `sections [${index}] and [${other}] swapped`];
    }
    default:
      bytes.fill(0, at(index), at(index + 1));
      return [bytes, `section header [${index}] ${name} zeroed`];
  }
}

function pickValue(elf: ElfFile, field: Field, old: bigint, prng: Prng): bigint {
  const length = BigInt(elf.bytes.length);
  const count = BigInt(elf.header.sectionHeaderCount);
  const random = (BigInt(prng.u32()) << 32n) | BigInt(prng.u32());
  const general: readonly bigint[] = [
    0n,
    1n,
    -1n,
    old + 1n,
    old - 1n,
    old * 2n,
    old ^ (1n << BigInt(prng.below(field.width * 8))),
    BigInt(prng.below(256)),
    random,
  ];
  const special: Record<Field['kind'], readonly bigint[]> = {
    plain: [0x7fn, 0x80n, 0x0an],
    offset: [4n, 8n, 63n, 64n, length - 1n, length, length + 1n, 1n << 31n, 1n << 32n, -64n],
    size: [
      4n,
      7n,
      8n,
      12n,
      13n,
      24n,
      31n,
      32n,
      length,
      1n << 21n,
      (1n << 21n) + 1n,
      1n << 32n,
      -64n,
    ],
    index: [2n, count - 1n, count, count + 1n, 0xff00n, 0xfff1n, 0xfff2n, 0xffffn],
    type: [2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 14n, 24n, 42n],
    flags: [2n, 3n, 4n, 6n, 7n, 0x12n, 0x32n, 3n | (31n << 1n), 0xc1n],
    alignment: [2n, 3n, 4n, 8n, 64n, 4096n, 4097n],
    address: [4n, 8n, 104n, 4095n, 4096n, 1n << 31n, (1n << 31n) - 1n, 1n << 32n, -104n],
    name: [BigInt(prng.below(64)), BigInt(prng.below(256)), length],
  };
  const values = [...general, ...special[field.kind]];
  return values[prng.below(values.length)] ?? 0n;
}

function readField(bytes: Uint8Array, { offset, width }: Field): bigint {
  let value = 0n;
  for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i] ?? 0);
  return value;
}

function writeField(bytes: Uint8Array, { offset, width }: Field, value: bigint): void {
  for (let i = 0; i < width; i++) bytes[offset + i] = Number((value >> BigInt(8 * i)) & 0xffn);
}
