import { createHash } from 'node:crypto';
import { type ElfFile, type ElfSection, SHF, SHT, sectionBytes } from '../elf/index.js';

/**
 * SHA-256, as hex, over all of a payload file that Xen's loader makes use of: allocated sections, the
 * relocations that change them, the symbols and their names, with what their headers say. Where in
 * the file they lie does not count, nor do other sections, so a record can be added without a change.
 * Fails with an ElfError where a section does not lie in the file.
 */
export function loadedContents(elf: ElfFile): string {
  const hash = createHash('sha256').update('xsplice-loaded-1\n');
  const { type, machine, osAbi, abiVersion, flags } = elf.header;
  hash.update(`${elf.class} ${type} ${machine} ${osAbi} ${abiVersion} ${flags}\n`);
  for (const section of elf.sections) {
    if (!isUsed(elf, section)) continue;
    const { index, name, address, size, link, info, alignment, entrySize } = section;
    const isNamesOfSections = index === elf.header.sectionNameIndex;
    const fields = [index, JSON.stringify(name), section.type, section.flags, address];
    // The names of sections grow with the record's, even where they share a table with the symbols'.
    fields.push(isNamesOfSections ? 0n : size, link, info, alignment, entrySize);
    hash.update(`${fields.join(' ')}\n`);
    if (section.type === SHT.NOBITS) continue;
    hash.update(isNamesOfSections ? namesOfSymbols(elf, section) : sectionBytes(elf, section));
  }
  return hash.digest('hex');
}

function isUsed(elf: ElfFile, section: ElfSection): boolean {
  const isAllocated = ({ flags }: ElfSection) => (flags & SHF.ALLOC) !== 0n;
  if (isAllocated(section) || section.type === SHT.SYMTAB) return true;
  const target = elf.sections[section.info];
  if (section.type === SHT.RELA || section.type === SHT.REL) {
    return target !== undefined && isAllocated(target);
  }
  return elf.sections.some(({ type, link }) => type === SHT.SYMTAB && link === section.index);
}

/** A table that serves sections and symbols: only what stood there before a record's name was added. */
function namesOfSymbols(elf: ElfFile, section: ElfSection): Uint8Array {
  const bytes = Buffer.from(sectionBytes(elf, section));
  const end = bytes.indexOf(Buffer.from(`${RECORD_SECTION}\0`, 'latin1'));
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** The section that holds a record: not allocated, so that Xen ignores it. */
export const RECORD_SECTION = '.xsplice.record';
