import { HOOK_KINDS, hookSection, LIVEPATCH_FUNC, SECTION } from '../../core/abi/livepatch.js';
import { R_AARCH64, R_X86_64 } from '../../core/elf/constants.js';
import { EM, SHF, SHT, STB, STT } from '../../core/elf/index.js';
import {
  buildElf,
  buildIdNote,
  type ElfSpec,
  type RelocationSpec,
  type SectionSpec,
  type SymbolSpec,
} from './elf-builder.js';

/** One struct livepatch_func to be. What is left out has a value that fits. */
export interface FunctionSpec {
  /** Null leaves the pointer zero. */
  readonly name: string | null;
  /** A number, or the name of a symbol; default 0: by name. */
  readonly oldAddress?: bigint | string;
  /** Name of a symbol; null makes it a NOP. Default: `new_NAME`, which is then defined in .text. */
  readonly newAddress?: string | null;
  readonly oldSize?: number;
  readonly newSize?: number;
  readonly version?: number;
  /** All 32 bytes, or the first of them. */
  readonly expect?: Uint8Array;
}

export interface PayloadSpec {
  /** 1 has smaller entries. Default 2. */
  readonly version?: 1 | 2;
  readonly machine?: number;
  /** Section contents; null leaves the section out. Defaults are notes of 20 bytes. */
  readonly buildId?: Uint8Array | null;
  readonly depends?: Uint8Array | null;
  readonly xenDepends?: Uint8Array | null;
  /** Undefined leaves the section out. */
  readonly functions?: readonly FunctionSpec[];
  /** By kind: the names of the functions it points to, defined in .text. */
  readonly hooks?: Partial<Record<(typeof HOOK_KINDS)[number], readonly string[]>>;
  readonly modinfo?: Uint8Array;
  /** Name of the static symbol at the functions' names. Default: `strings`. */
  readonly stringsSymbol?: string;
  readonly extraSections?: readonly SectionSpec[];
  readonly extraSymbols?: readonly SymbolSpec[];
  readonly extraRelocations?: readonly RelocationSpec[];
  readonly elf?: Partial<ElfSpec>;
}

const ALLOC_NOTE = { type: SHT.NOTE, flags: SHF.ALLOC, align: 4 };
const TEXT_STEP = 16n;

/** Twenty equal bytes, as an id. */
export function idBytes(fill: number, length = 20): Uint8Array {
  return new Uint8Array(length).fill(fill);
}

/** A payload's bytes. Well-formed unless the spec asks for something else. */
export function buildPayload(spec: PayloadSpec = {}): Uint8Array {
  const pointerType = spec.machine === EM.AARCH64 ? R_AARCH64.ABS64 : R_X86_64[64];
  const functions = spec.functions ?? [];
  const stringsSymbol = spec.stringsSymbol ?? 'strings';
  const entrySize = LIVEPATCH_FUNC.sizeBytes[spec.version ?? 2];
  const funcs = new Uint8Array(functions.length * entrySize);
  const view = new DataView(funcs.buffer);
  const strings: string[] = [];
  const newFunctions = new Set<string>();
  const relocations: RelocationSpec[] = [];
  let stringAt = 0n;
  functions.forEach((f, index) => {
    const at = index * entrySize;
    const link = (field: number, symbol: string, addend = 0n) =>
      relocations.push({
        section: SECTION.funcs,
        offset: BigInt(at + field),
        type: pointerType,
        symbol,
        addend,
      });
    if (f.name !== null) {
      link(LIVEPATCH_FUNC.name, stringsSymbol, stringAt);
      strings.push(`${f.name}\0`);
      stringAt += BigInt(f.name.length + 1);
    }
    const target = f.newAddress === undefined ? `new_${f.name ?? index}` : f.newAddress;
    if (target !== null) {
      newFunctions.add(target);
      link(LIVEPATCH_FUNC.new_addr, target);
    }
    if (typeof f.oldAddress === 'string') link(LIVEPATCH_FUNC.old_addr, f.oldAddress);
    else view.setBigUint64(at + LIVEPATCH_FUNC.old_addr, f.oldAddress ?? 0n, true);
    view.setUint32(at + LIVEPATCH_FUNC.new_size, f.newSize ?? 16, true);
    view.setUint32(at + LIVEPATCH_FUNC.old_size, f.oldSize ?? 32, true);
    view.setUint8(at + LIVEPATCH_FUNC.version, f.version ?? spec.version ?? 2);
    if (f.expect) funcs.set(f.expect, at + LIVEPATCH_FUNC.expect);
  });
  const hooks = HOOK_KINDS.flatMap((kind) => {
    const targets = spec.hooks?.[kind];
    if (targets === undefined) return [];
    targets.forEach((symbol, index) => {
      newFunctions.add(symbol);
      const section = hookSection(kind);
      relocations.push({ section, offset: BigInt(index * 8), type: pointerType, symbol });
    });
    const data = new Uint8Array(targets.length * 8);
    return [{ name: hookSection(kind), flags: SHF.ALLOC, data, align: 8 }];
  });
  const note = (name: string, data: Uint8Array | null | undefined, fill: number) =>
    data === null ? [] : [{ name, ...ALLOC_NOTE, data: data ?? buildIdNote(idBytes(fill)) }];
  const names = [...newFunctions].filter(
    (name) => !spec.extraSymbols?.some((symbol) => symbol.name === name),
  );
  return buildElf({
    ...(spec.machine === undefined ? {} : { machine: spec.machine }),
    ...spec.elf,
    sections: [
      {
        name: '.text',
        flags: SHF.ALLOC | SHF.EXECINSTR,
        data: new Uint8Array(Number(TEXT_STEP) * (names.length + 1)).fill(0xc3),
        align: 16,
      },
      {
        name: '.rodata.str',
        flags: SHF.ALLOC,
        data: Uint8Array.from(Buffer.from(strings.join(''), 'latin1')),
      },
      ...(spec.functions === undefined
        ? []
        : [{ name: SECTION.funcs, flags: SHF.ALLOC | SHF.WRITE, data: funcs, align: 8 }]),
      ...hooks,
      ...(spec.modinfo === undefined
        ? []
        : [{ name: SECTION.modinfo, flags: SHF.ALLOC, data: spec.modinfo }]),
      ...note(SECTION.buildId, spec.buildId, 0x11),
      ...note(SECTION.depends, spec.depends, 0x22),
      ...note(SECTION.xenDepends, spec.xenDepends, 0x33),
      ...(spec.extraSections ?? []),
    ],
    symbols: [
      { name: stringsSymbol, section: '.rodata.str', binding: STB.LOCAL, type: STT.OBJECT },
      ...names.map(
        (name, index): SymbolSpec => ({
          name,
          section: '.text',
          value: BigInt(index) * TEXT_STEP,
          size: TEXT_STEP,
          type: STT.FUNC,
          binding: STB.LOCAL,
        }),
      ),
      ...(spec.extraSymbols ?? []),
    ],
    relocations: [...relocations, ...(spec.extraRelocations ?? [])],
  });
}
