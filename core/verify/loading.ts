import { XEN_ERRNO } from '../abi/errno.js';
import { type HookKind, KSYM_NAME_LEN } from '../abi/livepatch.js';
import type { Reason } from './advice.js';
import { shownOnConsole } from './console.js';
import { type AddressSpace, wrap64 } from './memory.js';
import {
  addressOf,
  type FunctionState,
  type IdSpan,
  type Model,
  type PayloadSymbol,
  type Span,
} from './model.js';
import type { Rules } from './rules.js';
import type { StageId } from './stage-id.js';
import type { Fatality, Fault, Refusal, StrayWrite, Whereabouts } from './verdict.js';
import type { Allocation } from './vmap.js';

/** 0, or the fault with which a check refuses: what `refuse` returns. */
export type StageResult = 0 | Fault;

/**
 * One check of Xen's loader: it may write into the memory and the draft, as Xen's does. Where one fault
 * says nothing about the next (symbols, functions), it goes on behind those that Xen would stop at.
 */
export type Stage = (loading: Loading) => StageResult;

/** As many refusals are recorded of one stage: a payload made for another hypervisor has hundreds. */
export const MAX_FAULTS_OF_A_STAGE = 10;

/** True where so many are recorded of the stage that runs: what it would find further on is not kept. */
export function hasMaxFaults({ stage, faults }: Loading): boolean {
  return faults.filter(({ outcome }) => outcome.stage === stage).length >= MAX_FAULTS_OF_A_STAGE;
}

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
  readonly assumptions: string[];
  /** Names that lead into a hypervisor whose symbols are not known: as many as are shown, and how many there are. */
  readonly assumedSymbols: { readonly names: string[]; count: number };
  readonly strayWrites: StrayWrite[];
  /** What was found wrong so far, in Xen's order. */
  readonly faults: Fault[];
  /** What is being done that Xen may not survive; null where nothing special is. */
  doing: Grounds | (() => Grounds) | null;
  /** The one that runs. */
  stage: StageId;
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
    assumptions: [],
    assumedSymbols: { names: [], count: 0 },
    strayWrites: [],
    faults: [],
    doing: null,
    stage: 'elf-header',
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

/** Why a check refuses, and what it knows of the place. */
export type Grounds = Whereabouts & { readonly reason: Reason };

/**
 * Does what Xen may not survive, and says what that is about: where it ends in a page fault or a BUG, these are
 * the grounds.
 */
export function doing<T>(loading: Loading, grounds: Loading['doing'], act: () => T): T {
  loading.doing = grounds;
  const done = act();
  loading.doing = null;
  return done;
}

/**
 * Prints an error line and refuses, as most of the loader's checks end. A check that prints nothing passes null.
 * Up to 4.12 these lines are dprintk's, which a release build leaves out.
 */
export function refuse(
  loading: Loading,
  errno: number,
  text: string | null,
  { reason, ...where }: Grounds,
): Fault {
  const { stage, faults } = loading;
  const ofStage = faults.filter(({ outcome }) => outcome.stage === stage);
  const last = ofStage.at(-1);
  if (last && ofStage.length >= MAX_FAULTS_OF_A_STAGE) return last;
  const isPrinted = text !== null && loading.rules.has('errorsPrinted');
  const printed = isPrinted ? [{ level: 'error', text: `${loading.name}${text}` } as const] : [];
  const outcome: Refusal = { outcome: 'refused', stage, errno };
  return recordFault(loading, { outcome, where, reason, log: shownOnConsole(printed) });
}

/** An access or a BUG that Xen does not survive. */
export function recordFatality(loading: Loading, cause: string): Fault {
  const outcome: Fatality = { outcome: 'fatal', stage: loading.stage, cause };
  const { doing: known } = loading;
  const grounds = typeof known === 'function' ? known() : known;
  const { reason, ...where }: Grounds = grounds ?? { reason: 'leads-nowhere' };
  return recordFault(loading, { outcome, where, reason, log: [] });
}

function recordFault(loading: Loading, found: Omit<Fault, 'assumptions'>): Fault {
  const fault = { ...found, ...untilNow(loading) };
  loading.faults.push(fault);
  return fault;
}

/** What had to be assumed so far, and what Xen did outside the payload. */
export function untilNow(loading: Loading): Pick<Fault, 'assumptions' | 'strayWrites'> {
  const { assumptions, memory, strayWrites } = loading;
  return {
    assumptions: [...assumptions, ...symbolAssumptions(loading), ...memory.guesses],
    ...(strayWrites.length === 0 ? {} : { strayWrites: [...strayWrites] }),
  };
}

/** Ours: so many names are shown, each as long as Xen's own may be. */
const MAX_SHOWN_SYMBOLS = 5;

/** Where a name that the payload needs leads; null where nobody has it. */
export function neededAddress({ model, assumedSymbols }: Loading, name: string): bigint | null {
  const found = addressOf(model, name);
  if (found?.isAssumed === true && assumedSymbols.count++ < MAX_SHOWN_SYMBOLS) {
    assumedSymbols.names.push(name.slice(0, KSYM_NAME_LEN));
  }
  return found?.address ?? null;
}

/** That the hypervisor has what is needed of it, in words; none where nothing is assumed. */
function symbolAssumptions({ assumedSymbols: { names, count } }: Loading): string[] {
  if (count === 0) return [];
  const more = count > names.length ? ` and ${count - names.length} more` : '';
  return [`the hypervisor has ${names.join(', ')}${more}`];
}

/** livepatch_elf_sec_by_name: the first section with this name, from index 1. */
export function loadingSectionByName(loading: Loading, name: string): LoadingSection | null {
  for (let i = 1; i < loading.sections.length; i++) {
    const section = loading.sections[i];
    if (section && loading.memory.isString(section.nameAddress, name)) return section;
  }
  return null;
}

/** Where a section's header is in the file. Fits in 64 bits: elf-header made sure. */
export function headerOffset({ header }: Loading, index: number): bigint {
  return header.sectionOffset + BigInt(index * header.sectionEntrySize);
}

/**
 * The names at these addresses, for a report: Xen does not read them at this place, so what cannot be read
 * is left out and kills nobody. So are names that are empty, as those of section symbols.
 */
export function named(
  { memory }: Loading,
  addresses: { readonly section?: bigint; readonly symbol?: bigint },
): Whereabouts {
  const read = (address: bigint | undefined): string =>
    address !== undefined && memory.isMapped(address) && memory.isKnown(address)
      ? memory.name(address)
      : '';
  const [section, symbol] = [read(addresses.section), read(addresses.symbol)];
  return { ...(section === '' ? {} : { section }), ...(symbol === '' ? {} : { symbol }) };
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
export function checkWholeEntries(
  loading: Loading,
  section: LoadingSection,
  entryBytes: number,
): StageResult {
  const size = section.header.size;
  if (size % BigInt(entryBytes) === 0n) return 0;
  const name = printedName(loading, section);
  return refuse(
    loading,
    XEN_ERRNO.EINVAL,
    `: Wrong size ${size} of ${name} (must be multiple of ${entryBytes})`,
    {
      reason: 'entries-not-whole',
      section: name,
      expected: `a multiple of ${entryBytes} bytes`,
      actual: `${size} bytes`,
    },
  );
}

/** Fields of an Elf64_Sym. */
export const ELF_SYM = { name: 0n, info: 4n, other: 5n, shndx: 6n, value: 8n, size: 16n } as const;

/** st_value of a symbol. */
export function symbolValue(loading: Loading, symbol: LoadingSymbol): bigint {
  return loading.memory.u64(wrap64(symbol.address + ELF_SYM.value));
}
