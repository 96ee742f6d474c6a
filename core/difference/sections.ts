import { createHash } from 'node:crypto';
import {
  ElfError,
  type ElfFile,
  type ElfSection,
  readRelocationTable,
  readSymbols,
  relocationSections,
  SHF,
  SHT,
  sectionBytes,
} from '../elf/index.js';
import type { Payload } from '../payload/index.js';

/**
 * Each section that is loaded, with what tells its contents apart: their size and digest, what relocations make of
 * them included, by the names of their symbols. Notes are left out: ids are compared as such.
 */
export function contentsKeyOf({ elf }: Payload): readonly (readonly [string, string])[] {
  const relocated = relocationsOf(elf);
  const taken = new Map<string, number>();
  return elf.sections
    .filter(({ flags, type }) => (flags & SHF.ALLOC) !== 0n && type !== SHT.NOTE)
    .filter(({ name }) => !/^\.livepatch\.(xen_)?depends$|^\.note/.test(name))
    .map((section) => {
      const count = (taken.get(section.name) ?? 0) + 1;
      taken.set(section.name, count);
      const name = count === 1 ? section.name : `${section.name}~${count}`;
      const digest = createHash('sha256').update(bytesOf(elf, section));
      for (const line of relocated.get(section.index) ?? []) digest.update(`\0${line}`);
      return [name, `${section.size} bytes, ${digest.digest('hex').slice(0, 16)}`] as const;
    });
}

function bytesOf(elf: ElfFile, section: ElfSection): Uint8Array {
  if (section.type === SHT.NOBITS) return new Uint8Array();
  return orNone(() => sectionBytes(elf, section), new Uint8Array());
}

/** By index of the section that they change. What cannot be read is in the payload's findings. */
function relocationsOf(elf: ElfFile): ReadonlyMap<number, readonly string[]> {
  const symbols = orNone(() => readSymbols(elf) ?? [], []);
  const lines = new Map<number, string[]>();
  for (const table of relocationSections(elf)) {
    const read = orNone(() => readRelocationTable(elf, table), null);
    const index = read?.target?.index;
    if (read === null || index === undefined) continue;
    const known = lines.get(index) ?? [];
    for (const { offset, type, symbolIndex, addend } of read.entries) {
      const symbol = symbols[symbolIndex];
      const home = elf.sections[symbol?.sectionIndex ?? -1]?.name ?? '';
      known.push(`${offset} ${type} ${symbol?.name ?? ''} ${home} ${symbol?.value} ${addend}`);
    }
    lines.set(index, known);
  }
  return lines;
}

function orNone<T>(read: () => T, none: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ElfError) return none;
    throw error;
  }
}
