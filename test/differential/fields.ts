import { LIVEPATCH_FUNC, SECTION } from '../../core/abi/livepatch.js';
import { type ElfFile, type ElfSection, SHT } from '../../core/elf/index.js';

/** What a field means decides which values are worth trying in it. */
export type FieldKind =
  | 'plain'
  | 'offset'
  | 'size'
  | 'index'
  | 'type'
  | 'flags'
  | 'alignment'
  | 'address'
  | 'name';

/** A number somewhere in a payload file. */
export interface Field {
  /** e.g. `section .livepatch.funcs: sh_size`. */
  readonly label: string;
  readonly offset: number;
  readonly width: 1 | 2 | 4 | 8;
  readonly kind: FieldKind;
}

type Column = readonly [name: string, offset: number, width: Field['width'], kind: FieldKind];

const ELF_HEADER: readonly Column[] = [
  ['e_ident[0]', 0, 4, 'plain'],
  ['EI_CLASS', 4, 1, 'type'],
  ['EI_DATA', 5, 1, 'type'],
  ['EI_VERSION', 6, 1, 'type'],
  ['EI_OSABI', 7, 1, 'type'],
  ['EI_ABIVERSION', 8, 1, 'type'],
  ['e_type', 16, 2, 'type'],
  ['e_machine', 18, 2, 'type'],
  ['e_version', 20, 4, 'type'],
  ['e_entry', 24, 8, 'address'],
  ['e_phoff', 32, 8, 'offset'],
  ['e_shoff', 40, 8, 'offset'],
  ['e_flags', 48, 4, 'flags'],
  ['e_ehsize', 52, 2, 'size'],
  ['e_phentsize', 54, 2, 'size'],
  ['e_phnum', 56, 2, 'index'],
  ['e_shentsize', 58, 2, 'size'],
  ['e_shnum', 60, 2, 'index'],
  ['e_shstrndx', 62, 2, 'index'],
];

const SECTION_HEADER: readonly Column[] = [
  ['sh_name', 0, 4, 'name'],
  ['sh_type', 4, 4, 'type'],
  ['sh_flags', 8, 8, 'flags'],
  ['sh_addr', 16, 8, 'address'],
  ['sh_offset', 24, 8, 'offset'],
  ['sh_size', 32, 8, 'size'],
  ['sh_link', 40, 4, 'index'],
  ['sh_info', 44, 4, 'index'],
  ['sh_addralign', 48, 8, 'alignment'],
  ['sh_entsize', 56, 8, 'size'],
];

const SYMBOL: readonly Column[] = [
  ['st_name', 0, 4, 'name'],
  ['st_info', 4, 1, 'type'],
  ['st_other', 5, 1, 'type'],
  ['st_shndx', 6, 2, 'index'],
  ['st_value', 8, 8, 'address'],
  ['st_size', 16, 8, 'size'],
];

const RELA: readonly Column[] = [
  ['r_offset', 0, 8, 'offset'],
  ['r_type', 8, 4, 'type'],
  ['r_sym', 12, 4, 'index'],
  ['r_addend', 16, 8, 'address'],
];

const NOTE: readonly Column[] = [
  ['namesz', 0, 4, 'size'],
  ['descsz', 4, 4, 'size'],
  ['type', 8, 4, 'type'],
  ['name', 12, 4, 'plain'],
  ['desc', 16, 4, 'plain'],
];

const FUNC: readonly Column[] = [
  ['name', LIVEPATCH_FUNC.name, 8, 'address'],
  ['new_addr', LIVEPATCH_FUNC.new_addr, 8, 'address'],
  ['old_addr', LIVEPATCH_FUNC.old_addr, 8, 'address'],
  ['new_size', LIVEPATCH_FUNC.new_size, 4, 'size'],
  ['old_size', LIVEPATCH_FUNC.old_size, 4, 'size'],
  ['version', LIVEPATCH_FUNC.version, 1, 'type'],
  ['expect', LIVEPATCH_FUNC.expect, 1, 'flags'],
];

const ALTERNATIVE: readonly Column[] = [
  ['orig_offset', 0, 4, 'offset'],
  ['repl_offset', 4, 4, 'offset'],
  ['cpuid', 8, 2, 'flags'],
  ['orig_len', 10, 1, 'size'],
  ['repl_len', 11, 1, 'size'],
  ['pad_len', 12, 1, 'size'],
];

/** Tables inside sections: which section, the bytes of an entry, the columns. */
const CONTENTS: readonly (readonly [
  section: string,
  entryBytes: number,
  columns: readonly Column[],
])[] = [
  [SECTION.buildId, 36, NOTE],
  [SECTION.depends, 36, NOTE],
  [SECTION.xenDepends, 36, NOTE],
  [SECTION.funcs, LIVEPATCH_FUNC.sizeBytes[2], FUNC],
  [SECTION.altInstructions, 14, ALTERNATIVE],
];

/** Every field of a well-formed payload, in the order of its parts. */
export function fieldsOf(elf: ElfFile): readonly Field[] {
  const headers = elf.sections.slice(1).flatMap((section) => {
    const at = Number(elf.header.sectionHeaderOffset) + section.index * 64;
    return columns(`section [${section.index}] ${section.name}`, at, SECTION_HEADER);
  });
  const tables = elf.sections.flatMap((section) => {
    if (section.type === SHT.SYMTAB) return rows('symbol', section, 24, SYMBOL);
    if (section.type === SHT.RELA) return rows(section.name, section, 24, RELA);
    const found = CONTENTS.find(([name]) => name === section.name);
    return found ? rows(section.name, section, found[1], found[2]) : bytesOf(section);
  });
  return [...columns('header', 0, ELF_HEADER), ...headers, ...tables];
}

function rows(
  label: string,
  section: ElfSection,
  entryBytes: number,
  table: readonly Column[],
): readonly Field[] {
  const count = Math.floor(Number(section.size) / entryBytes);
  return Array.from({ length: count }, (_, i) =>
    columns(`${label} ${i}`, Number(section.offset) + i * entryBytes, table),
  ).flat();
}

/** Metadata and string tables: single bytes, first and last above all. */
function bytesOf(section: ElfSection): readonly Field[] {
  const wanted = section.type === SHT.STRTAB || section.name === SECTION.modinfo;
  if (!wanted || section.size === 0n) return [];
  const start = Number(section.offset);
  const size = Number(section.size);
  return [0, 1, size >> 1, size - 1]
    .filter((at) => at < size)
    .map((at) => ({
      label: `${section.name} byte ${at}`,
      offset: start + at,
      width: 1 as const,
      kind: 'plain' as const,
    }));
}

function columns(label: string, start: number, table: readonly Column[]): readonly Field[] {
  return table.map(([name, offset, width, kind]) => ({
    label: `${label}: ${name}`,
    offset: start + offset,
    width,
    kind,
  }));
}
