import { LIVEPATCH_MAX_SECTIONS, LIVEPATCH_MAX_SIZE } from '../abi/livepatch.js';
import { type ElfFile, type ElfSection, SHT, sectionBytes } from '../elf/index.js';
import { XspliceError } from '../findings/index.js';
import type { Payload } from '../payload/index.js';
import { RECORD_SECTION } from './loaded-contents.js';

const SECTION_HEADER_BYTES = 64;
/** Fields of Elf64_Ehdr and Elf64_Shdr. */
const EHDR = { e_shoff: 40, e_shnum: 60 } as const;
const SHDR = { sh_offset: 24, sh_size: 32 } as const;
const ALIGNMENT = 8;

/**
 * The payload file with a record in it, in place of an earlier one. All bytes that Xen loads stay what
 * and where they are. Behind the end of the file come the section names with the record's added, the
 * record, and the section headers, all in that order; the file header is pointed at the last. What
 * held names and headers before is left as a gap.
 *
 * A module signature at the end of the file is left in that gap: it does not cover the record, and must
 * not look as if it did. A file has to be signed after it was recorded.
 *
 * Fails with `payload-no-section-names`, `payload-too-many-sections` and `record-too-large` where Xen would not take
 * the file any more.
 */
export function withRecord(payload: Payload, record: Uint8Array): Uint8Array {
  const { elf } = payload;
  const names = elf.sections[elf.header.sectionNameIndex];
  if (names === undefined || names.type !== SHT.STRTAB) {
    throw new XspliceError(
      'payload-no-section-names',
      `${payload.file}: expected a table of section names in section ${elf.header.sectionNameIndex}, found none`,
    );
  }
  const kept = elf.sections.filter(({ name }) => name !== RECORD_SECTION);
  const isLast = kept.length === elf.sections.length || isRecordLast(elf);
  if (!isLast || kept.length + 1 >= LIVEPATCH_MAX_SECTIONS) {
    throw new XspliceError(
      'payload-too-many-sections',
      `${payload.file}: expected fewer than ${LIVEPATCH_MAX_SECTIONS - 1} sections, a record's at the end, found ${kept.length}`,
    );
  }
  const { table, nameOffset } = namesWith(sectionBytes(elf, names));
  const start = alignUp(endOfOriginal(elf, names));
  const recordAt = start + table.length;
  const headersAt = alignUp(recordAt + record.length);
  const total = headersAt + (kept.length + 1) * SECTION_HEADER_BYTES;
  if (total > LIVEPATCH_MAX_SIZE) {
    throw new XspliceError(
      'record-too-large',
      `${payload.file}: with a record of ${record.length} bytes it has ${total}; Xen takes at most ${LIVEPATCH_MAX_SIZE}`,
    );
  }
  const file = new Uint8Array(total);
  file.set(elf.bytes.subarray(0, Math.min(start, elf.bytes.length)));
  file.set(table, start);
  file.set(record, recordAt);
  const view = new DataView(file.buffer);
  view.setBigUint64(EHDR.e_shoff, BigInt(headersAt), true);
  view.setUint16(EHDR.e_shnum, kept.length + 1, true);
  for (const section of kept) {
    const at = headersAt + section.index * SECTION_HEADER_BYTES;
    file.set(headerBytes(elf, section), at);
    if (section !== names) continue;
    view.setBigUint64(at + SHDR.sh_offset, BigInt(start), true);
    view.setBigUint64(at + SHDR.sh_size, BigInt(table.length), true);
  }
  const at = headersAt + kept.length * SECTION_HEADER_BYTES;
  view.setUint32(at, nameOffset, true);
  view.setUint32(at + 4, SHT.PROGBITS, true);
  view.setBigUint64(at + SHDR.sh_offset, BigInt(recordAt), true);
  view.setBigUint64(at + SHDR.sh_size, BigInt(record.length), true);
  view.setBigUint64(at + 48, 1n, true);
  return file;
}

/** True where no other section would change its number without the record. */
function isRecordLast(elf: ElfFile): boolean {
  return (
    elf.sections.at(-1)?.name === RECORD_SECTION &&
    elf.sections.filter(({ name }) => name === RECORD_SECTION).length === 1
  );
}

/** Where the file ended before a record was added to it: an earlier record's tail is overwritten. */
function endOfOriginal(elf: ElfFile, names: ElfSection): number {
  const fileEnd = elf.bytes.length;
  const record = elf.sections.find(({ name }) => name === RECORD_SECTION);
  if (record === undefined || record.offset !== names.offset + names.size) return fileEnd;
  const others = elf.sections.filter((section) => section !== record && section !== names);
  const isBehindAll = others.every(
    ({ type, offset, size }) => type === SHT.NOBITS || offset + size <= names.offset,
  );
  return isBehindAll ? Number(names.offset) : fileEnd;
}

function namesWith(known: Uint8Array): { table: Uint8Array; nameOffset: number } {
  const name = Buffer.from(`${RECORD_SECTION}\0`, 'latin1');
  const at = Buffer.from(known).indexOf(name);
  if (at >= 0) return { table: known, nameOffset: at };
  return { table: Buffer.concat([known, name]), nameOffset: known.length };
}

function headerBytes(elf: ElfFile, { index }: ElfSection): Uint8Array {
  const at = Number(elf.header.sectionHeaderOffset) + index * SECTION_HEADER_BYTES;
  return elf.bytes.subarray(at, at + SECTION_HEADER_BYTES);
}

function alignUp(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}
