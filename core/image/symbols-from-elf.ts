import {
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
} from '../elf/index.js';
import { createSymbolTable, type SymbolTable, type XenSymbol } from './symbol-table.js';

/** Symbols that xen/tools/symbols.c keeps even where they are absolute (read_symbol). */
const KEPT_IF_ABSOLUTE: ReadonlySet<string> = new Set([
  '_stext',
  '_etext',
  '_sinittext',
  '_einittext',
  '_sextratext',
  '_eextratext',
  '__gp',
]);

/**
 * The table that Xen's build makes out of an image's .symtab: `nm -pa --format=sysv` piped into
 * `symbols --all-symbols --sysv --sort`, as in xen/arch/x86/Makefile with LIVEPATCH (4.7 on).
 * The rules are those of read_symbol, symbol_valid and compare_value in xen/tools/symbols.c (4.17).
 */
export function symbolsFromElf(elf: ElfFile, symbols: readonly ElfSymbol[]): SymbolTable {
  const sectionTypes = elf.sections.map(sectionType);
  const entries: XenSymbol[] = [];
  let file: string | null = null;
  for (const symbol of symbols) {
    if (symbol.index === 0) continue;
    if (symbol.type === STT.FILE) {
      file = symbol.name === '' ? null : symbol.name;
      continue;
    }
    const name = symbol.name === '' ? sectionName(elf, symbol) : symbol.name;
    const type = nmType(symbol, sectionTypes);
    if (!isKept(name, type)) continue;
    const isLocal = type >= 'a' && type <= 'z';
    entries.push({
      name: isLocal && file !== null ? `${file}#${name}` : name,
      address: symbol.value,
      type,
      size: symbol.size,
    });
  }
  return createSymbolTable(entries.sort(compareByAddress));
}

/** nm gives a section symbol the name of its section. */
function sectionName(elf: ElfFile, symbol: ElfSymbol): string {
  return symbol.type === STT.SECTION ? (elf.sections[symbol.sectionIndex]?.name ?? '') : '';
}

function isKept(name: string, type: string): boolean {
  if (name === '' || name.startsWith('$') || name.includes('_compiled.')) return false;
  const upper = type.toUpperCase();
  if (upper === 'A') return KEPT_IF_ABSOLUTE.has(name);
  return upper !== 'U' && upper !== 'N';
}

/** compare_value: by address, globals first; the sort is stable, so the file's order decides the rest. */
function compareByAddress(a: XenSymbol, b: XenSymbol): number {
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return Number(isGlobal(b)) - Number(isGlobal(a));
}

function isGlobal(symbol: XenSymbol): boolean {
  return symbol.type >= 'A' && symbol.type <= 'Z';
}

/** The character nm prints for a symbol (bfd_decode_symclass of binutils). */
function nmType(symbol: ElfSymbol, sectionTypes: readonly string[]): string {
  if (symbol.sectionIndex === SHN.COMMON) return 'C';
  const isObject = symbol.type === STT.OBJECT;
  if (symbol.sectionIndex === SHN.UNDEF) {
    return symbol.binding === STB.WEAK ? (isObject ? 'v' : 'w') : 'U';
  }
  if (symbol.type === STT.GNU_IFUNC) return 'i';
  if (symbol.binding === STB.WEAK) return isObject ? 'V' : 'W';
  if (symbol.binding === STB.GNU_UNIQUE) return 'u';
  const type = symbol.sectionIndex === SHN.ABS ? 'a' : (sectionTypes[symbol.sectionIndex] ?? '?');
  return symbol.binding === STB.LOCAL ? type : type.toUpperCase();
}

function sectionType(section: ElfSection): string {
  if ((section.flags & SHF.EXECINSTR) !== 0n) return 't';
  if ((section.flags & SHF.ALLOC) === 0n) return 'n';
  if (section.type === SHT.NOBITS) return 'b';
  return (section.flags & SHF.WRITE) === 0n ? 'r' : 'd';
}
