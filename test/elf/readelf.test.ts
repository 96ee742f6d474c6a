import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  relocationTypeName,
  SHN,
  SHT,
  STT,
  sectionFlagLetters,
  sectionTypeName,
  symbolBindingName,
  symbolTypeName,
  symbolVisibilityName,
} from '../../core/elf/constants.js';
import { sectionBytes } from '../../core/elf/contents.js';
import { type ElfFile, looksLikeElf, readElf } from '../../core/elf/file.js';
import { readNotes } from '../../core/elf/notes.js';
import { readRelocations } from '../../core/elf/relocations.js';
import { readSymbolTable } from '../../core/elf/symbols.js';
import {
  committedFixtures,
  type Fixture,
  gccFixture,
  payloadLikeElf,
} from '../support/fixtures.js';
import {
  readelfHeader,
  readelfMissing,
  readelfNotes,
  readelfRelocations,
  readelfSections,
  readelfSymbols,
  realInputs,
  withFile,
} from '../support/readelf.js';

const gccOptions = [
  ['-O2', '-fPIC'],
  ['-O0', '-g'],
  ['-m32', '-O1', '-fno-pic'],
];
const gccFixtures = gccOptions.map((options) => gccFixture(options));

const fixtures: readonly Fixture[] = [
  { name: 'the builder', bytes: payloadLikeElf() },
  ...gccFixtures.filter((fixture) => typeof fixture !== 'string'),
  ...committedFixtures(),
  ...realInputs().flatMap((name) => {
    const bytes = readFileSync(name);
    return looksLikeElf(bytes) ? [{ name, bytes }] : [];
  }),
];

for (const [index, fixture] of gccFixtures.entries()) {
  if (typeof fixture !== 'string') continue;
  test(`an object of gcc ${gccOptions[index]?.join(' ')}`, { skip: fixture }, () => {});
}

describe('the reader agrees with readelf', { skip: readelfMissing }, () => {
  for (const { name, bytes } of fixtures) {
    test(name, () => {
      const elf = readElf(bytes);
      withFile(bytes, (file) => {
        assert.deepEqual(ourHeader(elf), theirHeader(readelfHeader(file)));
        assert.deepEqual(ourSections(elf), readelfSections(file));
        assert.deepEqual(ourSymbols(elf), readelfSymbols(file));
        assert.deepEqual(ourRelocations(elf), theirRelocations(elf, file));
        assert.deepEqual(ourNotes(elf), readelfNotes(file));
      });
    });
  }
});

function ourHeader(elf: ElfFile) {
  return {
    class: `ELF${elf.class}`,
    entry: elf.header.entry,
    programHeaders: elf.header.programHeaderOffset,
    sectionHeaders: elf.header.sectionHeaderOffset,
    segmentCount: elf.segments.length,
    sectionCount: elf.sections.length,
    nameIndex: elf.header.sectionNameIndex,
  };
}

function theirHeader(header: ReadonlyMap<string, string>): ReturnType<typeof ourHeader> {
  const value = (label: string) => (header.get(label) ?? '').split(' ')[0] ?? '';
  return {
    class: value('Class'),
    entry: BigInt(value('Entry point address')),
    programHeaders: BigInt(value('Start of program headers')),
    sectionHeaders: BigInt(value('Start of section headers')),
    segmentCount: Number(value('Number of program headers')),
    sectionCount: Number(value('Number of section headers')),
    nameIndex: Number(value('Section header string table index')),
  };
}

function ourSections(elf: ElfFile): ReturnType<typeof readelfSections> {
  return elf.sections.map((section) => ({
    index: section.index,
    name: section.name,
    type: sectionTypeName(section.type).replace('SYMTAB_SHNDX', 'SYMTAB SECTION INDICES'),
    address: section.address,
    offset: section.offset,
    size: section.size,
    entrySize: section.entrySize,
    flags: sectionFlagLetters(section.flags),
    link: section.link,
    info: section.info,
    alignment: section.alignment,
  }));
}

function ourSymbols(elf: ElfFile): ReturnType<typeof readelfSymbols> {
  return elf.sections
    .filter(({ type }) => type === SHT.SYMTAB || type === SHT.DYNSYM)
    .flatMap((table) => readSymbolTable(elf, table))
    .map((symbol) => ({
      index: symbol.index,
      value: symbol.value,
      size: symbol.size,
      type: symbolTypeName(symbol.type),
      binding: symbolBindingName(symbol.binding),
      visibility: symbolVisibilityName(symbol.visibility),
      section: sectionIndexName(symbol.sectionIndex),
      name: symbol.type === STT.SECTION ? '' : symbol.name,
    }));
}

function sectionIndexName(index: number): string {
  if (index === SHN.UNDEF) return 'UND';
  if (index === SHN.ABS) return 'ABS';
  return index === SHN.COMMON ? 'COM' : String(index);
}

function ourRelocations(elf: ElfFile) {
  return readRelocations(elf).flatMap(({ section, entries }) =>
    entries.map((entry) => ({
      section: section.name,
      offset: entry.offset,
      symbolIndex: entry.symbolIndex,
      type: entry.type,
      addend: entry.addend ?? 0n,
    })),
  );
}

/** readelf prints r_info; its type name is compared too where we have a name for the machine. */
function theirRelocations(elf: ElfFile, file: string): ReturnType<typeof ourRelocations> {
  return readelfRelocations(file).map(({ section, offset, info, type, addend }) => {
    const number = Number(elf.class === 64 ? info & 0xffff_ffffn : info & 0xffn);
    const name = relocationTypeName(elf.header.machine, number);
    if (!name.startsWith('0x')) assert.equal(name, type);
    return {
      section,
      offset,
      symbolIndex: Number(elf.class === 64 ? info >> 32n : info >> 8n),
      type: number,
      addend: BigInt.asIntN(64, addend),
    };
  });
}

function ourNotes(elf: ElfFile): ReturnType<typeof readelfNotes> {
  return elf.sections
    .filter(({ type }) => type === SHT.NOTE)
    .flatMap((section) =>
      [...readNotes(sectionBytes(elf, section), section.name)].map((note) => ({
        section: section.name,
        owner: note.name === '' ? '(NONE)' : note.name,
        descSize: note.desc.length,
        buildId:
          note.name === 'GNU' && note.type === 3 ? Buffer.from(note.desc).toString('hex') : null,
      })),
    );
}
