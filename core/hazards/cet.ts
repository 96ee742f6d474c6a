import { ENDBR64_LEN } from '../abi/livepatch.js';
import {
  ElfError,
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  R_X86_64,
  type RelocationTable,
  readRelocations,
  readSymbols,
  SHF,
  SHN,
  SHT,
  STT,
  sectionBytes,
} from '../elf/index.js';
import { type Finding, finding } from '../findings/index.js';
import type { SymbolTable } from '../image/index.js';
import type { Model } from '../verify/index.js';

const ENDBR64 = 0xfa1e0ff3;
/** Ours: a Xen built for CET-IBT has hundreds; hand-written ENDBR64s of another are a few. */
const FEWEST_FUNCTIONS = 64;

const builds = new WeakMap<SymbolTable, boolean>();

/** Whether the hypervisor is built for CET-IBT: whatever is called by pointer then begins with ENDBR64. */
export function isBuiltForIbt({ memory }: Model, symbols: SymbolTable): boolean {
  const known = builds.get(symbols);
  if (known !== undefined) return known;
  let count = 0;
  for (const { address, type } of symbols.entries) {
    if (type !== 't' && type !== 'T') continue;
    const bytes = memory.isKnown(address) ? memory.readOrNull(address, ENDBR64_LEN) : null;
    if (bytes !== null && startsWithEndbr(bytes, 0)) count++;
    if (count >= FEWEST_FUNCTIONS) break;
  }
  const isBuilt = count >= FEWEST_FUNCTIONS;
  builds.set(symbols, isBuilt);
  return isBuilt;
}

function startsWithEndbr(bytes: Uint8Array, offset: number): boolean {
  if (offset + ENDBR64_LEN > bytes.length) return false;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true) === ENDBR64;
}

/** What the loader follows itself, or only reads: nothing there is called through. */
const NOT_CALLED =
  /^\.(?:livepatch\.(?!hooks\.)|altinstructions|ex_table|bug_frames|alt_call_sites|debug|xsplice)/;

/** Code of a payload that is reached by a pointer and does not begin with ENDBR64, and code of Xen that it has pointers to. */
export function calledByPointer(
  file: string,
  elf: ElfFile,
  model: Model,
  ofXen: SymbolTable,
): readonly Finding[] {
  const functions = new Set<string>();
  const tables = new Set<string>();
  const imports = new Set<string>();
  try {
    const symbols = readSymbols(elf) ?? [];
    const code = new Code(elf, symbols);
    for (const table of readRelocations(elf))
      visit(table, symbols, code, { functions, tables, imports });
  } catch (error) {
    // The reader says what is wrong with them.
    if (error instanceof ElfError) return [];
    throw error;
  }
  return [
    ...named('endbr-missing', file, functions, 'called by pointer, without ENDBR64 at the start'),
    ...named(
      'endbr-missing',
      file,
      new Set([...imports].filter((name) => isWithoutEndbr(name, model, ofXen))),
      'takes the address of functions of Xen that do not begin with ENDBR64',
    ),
    ...named('jump-table', file, tables, 'entered by a jump table, without ENDBR64 at the targets'),
  ];
}

/** Of a name that is a function's of Xen, and of one only. */
function isWithoutEndbr(name: string, { memory }: Model, ofXen: SymbolTable): boolean {
  const [address, ...others] = ofXen.addressesOf(name);
  if (address === undefined || others.length > 0 || !memory.isKnown(address)) return false;
  if (!ofXen.at(address).some(({ type, size }) => 'Tt'.includes(type || '?') && size > 0n))
    return false;
  const bytes = memory.readOrNull(address, ENDBR64_LEN);
  return bytes !== null && !startsWithEndbr(bytes, 0);
}

/** Ours: more names than this make no sentence. */
const NAMED = 5;

function named(
  code: 'endbr-missing' | 'jump-table',
  file: string,
  names: ReadonlySet<string>,
  what: string,
): readonly Finding[] {
  const [first] = names;
  if (first === undefined) return [];
  const more = names.size > NAMED ? ` and ${names.size - NAMED} more` : '';
  const list = `${[...names].slice(0, NAMED).join(', ')}${more}`;
  const message = `${file}: ${what}: ${list}; where CET-IBT is on, the host dies of it`;
  return [finding(code, { file, symbol: first, message })];
}

function visit(
  { target, entries }: RelocationTable,
  symbols: readonly ElfSymbol[],
  code: Code,
  found: Readonly<Record<'functions' | 'tables' | 'imports', Set<string>>>,
): void {
  if (target === null || (target.flags & SHF.ALLOC) === 0n || NOT_CALLED.test(target.name)) return;
  const isCode = (target.flags & SHF.EXECINSTR) !== 0n;
  for (const { offset, type, symbolIndex, addend } of entries) {
    const symbol = symbols[symbolIndex];
    if (symbol === undefined || symbolIndex === 0) continue;
    const isPointer = type === R_X86_64[64] && !isCode;
    const isTaken = type === R_X86_64.PC32 && isCode && code.isLea(target, offset);
    const isRelative = type === R_X86_64.PC32 && target.name.startsWith('.rodata');
    if (!isPointer && !isTaken && !isRelative) continue;
    const place = symbol.value + (addend ?? 0n) + (isTaken ? 4n : 0n);
    if (symbol.sectionIndex === SHN.UNDEF) {
      if (place === 0n && !isRelative) found.imports.add(symbol.name);
      continue;
    }
    const func = code.functionAt(symbol.sectionIndex, isRelative ? symbol.value : place);
    if (func === null) continue;
    if (isRelative || place !== func.value) found.tables.add(func.name);
    else if (!code.startsWithEndbr(func)) found.functions.add(func.name);
  }
}

/** The code of a payload. */
class Code {
  readonly #elf: ElfFile;
  readonly #bytes = new Map<number, Uint8Array>();
  /** Functions by their section, by ascending address. */
  readonly #functions = new Map<number, ElfSymbol[]>();

  constructor(elf: ElfFile, symbols: readonly ElfSymbol[]) {
    this.#elf = elf;
    for (const symbol of symbols) {
      const { type, sectionIndex } = symbol;
      const flags = elf.sections[sectionIndex]?.flags ?? 0n;
      if (type !== STT.FUNC || (flags & SHF.EXECINSTR) === 0n) continue;
      const known = this.#functions.get(sectionIndex);
      if (known === undefined) this.#functions.set(sectionIndex, [symbol]);
      else known.push(symbol);
    }
    for (const list of this.#functions.values()) {
      list.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
    }
  }

  /** The function that an offset of a section is in; null where it is none's. */
  functionAt(section: number, offset: bigint): ElfSymbol | null {
    const list = this.#functions.get(section) ?? [];
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((list[middle]?.value ?? 0n) <= offset) low = middle + 1;
      else high = middle;
    }
    const found = list[low - 1];
    return found !== undefined && offset < found.value + (found.size === 0n ? 1n : found.size)
      ? found
      : null;
  }

  startsWithEndbr({ sectionIndex, value }: ElfSymbol): boolean {
    const section = this.#elf.sections[sectionIndex];
    return section !== undefined && startsWithEndbr(this.#bytesOf(section), Number(value));
  }

  /** Whether the relocated word is that of `lea disp32(%rip), %reg`: an address is taken. */
  isLea(section: ElfSection, offset: bigint): boolean {
    const bytes = this.#bytesOf(section);
    const at = Number(offset);
    return bytes[at - 2] === 0x8d && ((bytes[at - 1] ?? 0) & 0xc7) === 0x05;
  }

  #bytesOf(section: ElfSection): Uint8Array {
    const known = this.#bytes.get(section.index);
    if (known !== undefined) return known;
    const bytes = section.type === SHT.NOBITS ? new Uint8Array() : sectionBytes(this.#elf, section);
    this.#bytes.set(section.index, bytes);
    return bytes;
  }
}
