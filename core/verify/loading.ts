import type { HookKind } from '../abi/livepatch.js';
import { type AddressSpace, wrap64 } from './memory.js';
import type { FunctionState, IdSpan, Model, PayloadSymbol, Span } from './model.js';
import type { Rules } from './rules.js';
import type { LogLine } from './verdict.js';
import type { Allocation } from './vmap.js';

/** 0, or the positive errno with which a stage refuses. */
export type StageResult = number;

/** One check of Xen's loader: it may write into the memory and the draft, as Xen's does. */
export type Stage = (loading: Loading) => StageResult;

export const SHF_WRITE = 1n;
export const SHF_ALLOC = 2n;
export const SHF_EXECINSTR = 4n;
export const SHF_MERGE = 16n;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;

/**
 * A pointer to an Elf64_Shdr. Fields are read when they are asked for, as C does: the loader writes
 * symbol values into the file's buffer, and in a damaged file these may overlap the headers.
 */
export class SectionHeader {
  readonly #memory: AddressSpace;
  readonly #address: bigint;

  constructor(memory: AddressSpace, address: bigint) {
    this.#memory = memory;
    this.#address = address;
  }

  get name(): number {
    return this.#memory.u32(this.#address);
  }
  get type(): number {
    return this.#memory.u32(this.#address + 4n);
  }
  get flags(): bigint {
    return this.#memory.u64(this.#address + 8n);
  }
  get address(): bigint {
    return this.#memory.u64(this.#address + 16n);
  }
  get offset(): bigint {
    return this.#memory.u64(this.#address + 24n);
  }
  get size(): bigint {
    return this.#memory.u64(this.#address + 32n);
  }
  get link(): number {
    return this.#memory.u32(this.#address + 40n);
  }
  get info(): number {
    return this.#memory.u32(this.#address + 44n);
  }
  get alignment(): bigint {
    return this.#memory.u64(this.#address + 48n);
  }
  get entrySize(): bigint {
    return this.#memory.u64(this.#address + 56n);
  }
}

/** struct livepatch_elf_sec. Section 0 has a NULL header: reading it faults, as it does in Xen. */
export interface LoadingSection {
  readonly header: SectionHeader;
  /** Where its name is; NULL until section-names ran. */
  nameAddress: bigint;
  /** Its contents in the file's buffer. */
  dataAddress: bigint;
  /** Where it was loaded to; NULL for a section that is not. */
  loadAddress: bigint;
}

/** struct livepatch_elf_sym: a pointer to an Elf64_Sym in the file's buffer, and its name's. */
export interface LoadingSymbol {
  /** NULL for symbol 0. */
  readonly address: bigint;
  readonly nameAddress: bigint;
  /** In a section that is not loaded (4.17, 4.14.5, 4.15.3, 4.16.1). */
  ignored: boolean;
}

/** Elf64_Ehdr fields that the loader uses after the header check. */
export interface LoadingHeader {
  readonly sectionOffset: bigint;
  readonly sectionCount: number;
  readonly sectionEntrySize: number;
  readonly nameSectionIndex: number;
}

/** What the stages fill in of struct payload. */
export interface Draft {
  allocation: Allocation | null;
  text: Span;
  rw: Span;
  ro: Span;
  safeToReapply: boolean;
  funcs: { address: bigint; count: number };
  functionStates: readonly FunctionState[];
  hooks: Partial<Record<HookKind, { address: bigint; count: number }>>;
  buildId: IdSpan;
  depends: IdSpan;
  xenDepends: IdSpan | null;
  metadata: Span | null;
  symbols: readonly PayloadSymbol[];
}

/** One upload under way: struct livepatch_elf and the struct payload that is being filled. */
export interface Loading {
  readonly model: Model;
  readonly rules: Rules;
  readonly name: string;
  /** The hypervisor's memory with the file's buffer mapped; the stages write into it. */
  readonly memory: AddressSpace;
  readonly raw: Span;
  readonly log: LogLine[];
  readonly assumptions: string[];
  header: LoadingHeader;
  sections: LoadingSection[];
  symbolTable: LoadingSection | null;
  symbolTableIndex: number;
  stringTable: LoadingSection | null;
  symbols: LoadingSymbol[];
  readonly draft: Draft;
}

const NOWHERE: Span = { address: 0n, sizeBytes: 0n };

export function startLoading(model: Model, name: string, memory: AddressSpace, raw: Span): Loading {
  return {
    model,
    rules: model.rules,
    name,
    memory,
    raw,
    log: [],
    assumptions: [],
    header: { sectionOffset: 0n, sectionCount: 0, sectionEntrySize: 0, nameSectionIndex: 0 },
    sections: [],
    symbolTable: null,
    symbolTableIndex: 0,
    stringTable: null,
    symbols: [],
    draft: {
      allocation: null,
      text: NOWHERE,
      rw: NOWHERE,
      ro: NOWHERE,
      safeToReapply: false,
      funcs: { address: 0n, count: 0 },
      functionStates: [],
      hooks: {},
      buildId: { address: 0n, length: 0 },
      depends: { address: 0n, length: 0 },
      xenDepends: null,
      metadata: null,
      symbols: [],
    },
  };
}

/**
 * Prints an error line and refuses: the pair that ends most of the loader's checks. Up to 4.12 these
 * lines are dprintk's, which a release build leaves out.
 */
export function refuse(loading: Loading, errno: number, text: string): StageResult {
  if (loading.rules.has('errorsPrinted')) {
    loading.log.push({ level: 'error', text: `${loading.name}${text}` });
  }
  return errno;
}

/** livepatch_elf_sec_by_name: the first section with this name, from index 1. */
export function sectionByName(loading: Loading, name: string): LoadingSection | null {
  for (let i = 1; i < loading.sections.length; i++) {
    const section = loading.sections[i];
    if (section && loading.memory.string(section.nameAddress).text === name) return section;
  }
  return null;
}

/** A section's name as printk prints it. */
export function printedName(loading: Loading, section: LoadingSection): string {
  return loading.memory.printed(section.nameAddress);
}

/** livepatch_elf_ignore_section: only allocated sections are loaded; empty ones too from 4.14.5 on. */
export function isIgnored(loading: Loading, { header }: LoadingSection): boolean {
  if (!(header.flags & SHF_ALLOC)) return true;
  return !loading.rules.has('emptySectionsLoaded') && header.size === 0n;
}

/**
 * Where the loader looks for a section's contents once it is placed. Since 4.20 (4.18.4, 4.19.1) the
 * same pointer serves before and after, so that a section that is not loaded keeps its address in
 * the file's buffer; before, it is NULL.
 */
export function contentsAddress(loading: Loading, section: LoadingSection): bigint {
  if (section.loadAddress !== 0n) return section.loadAddress;
  return loading.rules.has('buildIdFirst') ? section.dataAddress : 0n;
}

/** section_ok: the size must be a multiple of the entry's. */
export function isWholeEntries(
  loading: Loading,
  section: LoadingSection,
  entryBytes: number,
): boolean {
  const size = section.header.size;
  if (size % BigInt(entryBytes) === 0n) return true;
  refuse(
    loading,
    0,
    `: Wrong size ${size} of ${printedName(loading, section)} (must be multiple of ${entryBytes})`,
  );
  return false;
}

/** Fields of an Elf64_Sym. */
export const ELF_SYM = { name: 0n, info: 4n, other: 5n, shndx: 6n, value: 8n, size: 16n } as const;

/** st_value of a symbol. */
export function symbolValue(loading: Loading, symbol: LoadingSymbol): bigint {
  return loading.memory.u64(wrap64(symbol.address + ELF_SYM.value));
}
