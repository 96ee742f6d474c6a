import { EM, ET, SHF, SHN, SHT, STB, STT } from '../../core/elf/constants.js';

/** A section to be. What is left out is derived, or zero; what is given is written as it is. */
export interface SectionSpec {
  readonly name: string;
  readonly type?: number;
  readonly flags?: bigint;
  readonly address?: bigint;
  readonly data?: Uint8Array;
  /** sh_size of a SHT_NOBITS section. */
  readonly size?: bigint;
  readonly align?: number;
  /** A section's name or index. */
  readonly link?: string | number;
  readonly info?: string | number;
  readonly entrySize?: number;
}

export interface SymbolSpec {
  readonly name: string;
  readonly value?: bigint;
  readonly size?: bigint;
  readonly type?: number;
  readonly binding?: number;
  readonly visibility?: number;
  /** A section's name or index, or one of SHN; undefined where it is left out. */
  readonly section?: string | number;
}

export interface RelocationSpec {
  /** Name of the section that is relocated. */
  readonly section: string;
  readonly offset: bigint;
  readonly type: number;
  /** A symbol's name or index in the finished table; 0 for none. */
  readonly symbol: string | number;
  readonly addend?: bigint;
}

export interface SegmentSpec {
  readonly type: number;
  readonly flags: number;
  /** The segment covers the file contents of these sections, first to last. */
  readonly from: string;
  readonly to: string;
  /** Defaults to what the sections have. */
  readonly memorySize?: bigint;
}

export interface ElfSpec {
  /** Default: ET_REL. */
  readonly type?: number;
  /** Default: x86-64. */
  readonly machine?: number;
  readonly osAbi?: number;
  readonly entry?: bigint;
  readonly sections: readonly SectionSpec[];
  /** Locals first is the builder's business: the order among locals and among globals is kept. */
  readonly symbols?: readonly SymbolSpec[];
  readonly relocations?: readonly RelocationSpec[];
  readonly segments?: readonly SegmentSpec[];
  /** False leaves .symtab and .strtab out. Default: present. */
  readonly symbolTable?: boolean;
}

const HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;
const SEGMENT_HEADER_SIZE = 56;
const SYMBOL_SIZE = 24;
const RELA_SIZE = 24;

/**
 * A well-formed ELF64 little-endian file. The same spec always gives the same bytes: header, segments,
 * the sections in their order (the null section is added), .rela sections, .symtab, .strtab, .shstrtab,
 * then the section headers. Tests that need a broken file change the bytes afterwards.
 */
export function buildElf(spec: ElfSpec): Uint8Array {
  const symbols = orderSymbols(spec.symbols ?? []);
  const relocated = [...new Set((spec.relocations ?? []).map((r) => r.section))];
  const withSymbols = spec.symbolTable ?? true;
  const names = [
    '',
    ...spec.sections.map((section) => section.name),
    ...relocated.map((name) => `.rela${name}`),
    ...(withSymbols ? ['.symtab', '.strtab'] : []),
    '.shstrtab',
  ];
  const indexOf = (section: string | number): number => {
    if (typeof section === 'number') return section;
    const index = names.indexOf(section);
    if (index < 0) throw new Error(`no section ${section} in the spec`);
    return index;
  };
  const strings = stringTable(symbols.map((symbol) => symbol.name));
  const sectionNames = stringTable(names);
  const sections: readonly SectionSpec[] = [
    { name: '', type: SHT.NULL, align: 0 },
    ...spec.sections,
    ...relocated.map(
      (name): SectionSpec => ({
        name: `.rela${name}`,
        type: SHT.RELA,
        flags: SHF.INFO_LINK,
        data: relocationData(
          (spec.relocations ?? []).filter((r) => r.section === name),
          symbols,
        ),
        align: 8,
        link: '.symtab',
        info: name,
        entrySize: RELA_SIZE,
      }),
    ),
    ...(withSymbols
      ? [
          {
            name: '.symtab',
            type: SHT.SYMTAB,
            data: symbolData(symbols, strings, indexOf),
            align: 8,
            link: '.strtab',
            info: symbols.findLastIndex((s) => (s.binding ?? STB.GLOBAL) === STB.LOCAL) + 1,
            entrySize: SYMBOL_SIZE,
          },
          { name: '.strtab', type: SHT.STRTAB, data: strings.bytes },
        ]
      : []),
    { name: '.shstrtab', type: SHT.STRTAB, data: sectionNames.bytes },
  ];
  const segments = spec.segments ?? [];
  const placed = place(sections, HEADER_SIZE + segments.length * SEGMENT_HEADER_SIZE);
  const tableAt = alignUp(placed.end, 8);
  const file = new Uint8Array(tableAt + sections.length * SECTION_HEADER_SIZE);
  const view = new DataView(file.buffer);
  writeHeader(view, spec, { segments: segments.length, sections: sections.length, tableAt });
  sections.forEach((section, index) => {
    const offset = placed.offsets[index] ?? 0;
    file.set(section.data ?? new Uint8Array(), section.type === SHT.NOBITS ? 0 : offset);
    writeSectionHeader(view, tableAt + index * SECTION_HEADER_SIZE, section, {
      name: sectionNames.offsets.get(section.name) ?? 0,
      offset,
      link: section.link === undefined ? 0 : indexOf(section.link),
      info: section.info === undefined ? 0 : indexOf(section.info),
    });
  });
  segments.forEach((segment, index) => {
    const first = indexOf(segment.from);
    const last = indexOf(segment.to);
    writeSegment(view, HEADER_SIZE + index * SEGMENT_HEADER_SIZE, segment, {
      first: sections[first] ?? { name: '' },
      last: sections[last] ?? { name: '' },
      start: placed.offsets[first] ?? 0,
      lastStart: placed.offsets[last] ?? 0,
    });
  });
  return file;
}

/** The bytes of one note, padded to 4. */
export function buildNote(name: string, type: number, desc: Uint8Array): Uint8Array {
  const nameBytes = Buffer.from(`${name}\0`, 'latin1');
  const descAt = 12 + alignUp(nameBytes.length, 4);
  const note = new Uint8Array(descAt + alignUp(desc.length, 4));
  const view = new DataView(note.buffer);
  view.setUint32(0, nameBytes.length, true);
  view.setUint32(4, desc.length, true);
  view.setUint32(8, type, true);
  note.set(nameBytes, 12);
  note.set(desc, descAt);
  return note;
}

/** The note that carries a build-id: owner GNU, type 3. */
export function buildIdNote(id: Uint8Array): Uint8Array {
  return buildNote('GNU', 3, id);
}

/** Bytes out of a hex string; blanks are ignored. */
export function hexBytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s+/g, ''), 'hex'));
}

function alignUp(value: number, align: number): number {
  return align > 1 ? Math.ceil(value / align) * align : value;
}

function orderSymbols(symbols: readonly SymbolSpec[]): readonly SymbolSpec[] {
  const isLocal = (symbol: SymbolSpec) => (symbol.binding ?? STB.GLOBAL) === STB.LOCAL;
  return [
    { name: '', binding: STB.LOCAL, section: SHN.UNDEF },
    ...symbols.filter(isLocal),
    ...symbols.filter((symbol) => !isLocal(symbol)),
  ];
}

interface Strings {
  readonly bytes: Uint8Array;
  readonly offsets: ReadonlyMap<string, number>;
}

function stringTable(names: readonly string[]): Strings {
  const offsets = new Map<string, number>([['', 0]]);
  const parts: Buffer[] = [Buffer.from([0])];
  let end = 1;
  for (const name of names) {
    if (offsets.has(name)) continue;
    const bytes = Buffer.from(`${name}\0`, 'latin1');
    offsets.set(name, end);
    parts.push(bytes);
    end += bytes.length;
  }
  return { bytes: Uint8Array.from(Buffer.concat(parts)), offsets };
}

function symbolData(
  symbols: readonly SymbolSpec[],
  strings: Strings,
  indexOf: (section: string | number) => number,
): Uint8Array {
  const data = new Uint8Array(symbols.length * SYMBOL_SIZE);
  const view = new DataView(data.buffer);
  symbols.forEach((symbol, index) => {
    const at = index * SYMBOL_SIZE;
    const binding = symbol.binding ?? STB.GLOBAL;
    view.setUint32(at, strings.offsets.get(symbol.name) ?? 0, true);
    view.setUint8(at + 4, (binding << 4) | (symbol.type ?? STT.NOTYPE));
    view.setUint8(at + 5, symbol.visibility ?? 0);
    view.setUint16(
      at + 6,
      symbol.section === undefined ? SHN.UNDEF : indexOf(symbol.section),
      true,
    );
    view.setBigUint64(at + 8, symbol.value ?? 0n, true);
    view.setBigUint64(at + 16, symbol.size ?? 0n, true);
  });
  return data;
}

function relocationData(
  relocations: readonly RelocationSpec[],
  symbols: readonly SymbolSpec[],
): Uint8Array {
  const data = new Uint8Array(relocations.length * RELA_SIZE);
  const view = new DataView(data.buffer);
  relocations.forEach((relocation, index) => {
    const at = index * RELA_SIZE;
    const symbol =
      typeof relocation.symbol === 'number'
        ? relocation.symbol
        : symbols.findIndex((candidate) => candidate.name === relocation.symbol);
    if (symbol < 0) throw new Error(`no symbol ${relocation.symbol} in the spec`);
    view.setBigUint64(at, relocation.offset, true);
    view.setUint32(at + 8, relocation.type, true);
    view.setUint32(at + 12, symbol, true);
    view.setBigInt64(at + 16, relocation.addend ?? 0n, true);
  });
  return data;
}

function place(
  sections: readonly SectionSpec[],
  start: number,
): { readonly offsets: readonly number[]; readonly end: number } {
  const offsets: number[] = [];
  let end = start;
  for (const section of sections) {
    if (section.type === SHT.NULL) {
      offsets.push(0);
      continue;
    }
    end = alignUp(end, section.align ?? 1);
    offsets.push(end);
    if (section.type !== SHT.NOBITS) end += section.data?.length ?? 0;
  }
  return { offsets, end };
}

function writeHeader(
  view: DataView,
  spec: ElfSpec,
  counts: { readonly segments: number; readonly sections: number; readonly tableAt: number },
): void {
  view.setUint32(0, 0x7f454c46);
  view.setUint8(4, 2);
  view.setUint8(5, 1);
  view.setUint8(6, 1);
  view.setUint8(7, spec.osAbi ?? 0);
  view.setUint16(16, spec.type ?? ET.REL, true);
  view.setUint16(18, spec.machine ?? EM.X86_64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, spec.entry ?? 0n, true);
  view.setBigUint64(32, counts.segments === 0 ? 0n : BigInt(HEADER_SIZE), true);
  view.setBigUint64(40, BigInt(counts.tableAt), true);
  view.setUint16(52, HEADER_SIZE, true);
  view.setUint16(54, counts.segments === 0 ? 0 : SEGMENT_HEADER_SIZE, true);
  view.setUint16(56, counts.segments, true);
  view.setUint16(58, SECTION_HEADER_SIZE, true);
  view.setUint16(60, counts.sections, true);
  view.setUint16(62, counts.sections - 1, true);
}

function writeSectionHeader(
  view: DataView,
  at: number,
  section: SectionSpec,
  derived: {
    readonly name: number;
    readonly offset: number;
    readonly link: number;
    readonly info: number;
  },
): void {
  view.setUint32(at, derived.name, true);
  view.setUint32(at + 4, section.type ?? SHT.PROGBITS, true);
  view.setBigUint64(at + 8, section.flags ?? 0n, true);
  view.setBigUint64(at + 16, section.address ?? 0n, true);
  view.setBigUint64(at + 24, BigInt(derived.offset), true);
  view.setBigUint64(at + 32, section.size ?? BigInt(section.data?.length ?? 0), true);
  view.setUint32(at + 40, derived.link, true);
  view.setUint32(at + 44, derived.info, true);
  view.setBigUint64(at + 48, BigInt(section.align ?? 1), true);
  view.setBigUint64(at + 56, BigInt(section.entrySize ?? 0), true);
}

function writeSegment(
  view: DataView,
  at: number,
  segment: SegmentSpec,
  covered: {
    readonly first: SectionSpec;
    readonly last: SectionSpec;
    readonly start: number;
    readonly lastStart: number;
  },
): void {
  const lastFileSize = covered.last.type === SHT.NOBITS ? 0 : (covered.last.data?.length ?? 0);
  const lastSize = covered.last.size ?? BigInt(covered.last.data?.length ?? 0);
  const address = covered.first.address ?? 0n;
  view.setUint32(at, segment.type, true);
  view.setUint32(at + 4, segment.flags, true);
  view.setBigUint64(at + 8, BigInt(covered.start), true);
  view.setBigUint64(at + 16, address, true);
  view.setBigUint64(at + 24, address & 0x3fffffffn, true);
  view.setBigUint64(at + 32, BigInt(covered.lastStart + lastFileSize - covered.start), true);
  view.setBigUint64(
    at + 40,
    segment.memorySize ?? (covered.last.address ?? 0n) + lastSize - address,
    true,
  );
  view.setBigUint64(at + 48, 8n, true);
}
