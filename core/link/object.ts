import {
  DF_1_PIE,
  DT,
  dynamicValue,
  type ElfProgram,
  ET,
  PT,
  R_X86_64,
  readDynamic,
  readDynamicSymbols,
  readSymbolVersions,
  SHN,
  STB,
  STV,
  symbolRelocations,
  VERSION_HIDDEN,
  versionIndex,
} from '../elf/index.js';

/** A symbol that a file defines for others. */
export interface Definition {
  /** Index of its version in VERSYM, without the bit that hides; null where the file has no such table. */
  readonly index: number | null;
  /** Null where it has none. */
  readonly version: string | null;
  /** Not the default: found only by who asks for this very version. */
  readonly isHidden: boolean;
}

/** A symbol that a file has a relocation to and does not define. */
export interface Want {
  readonly name: string;
  readonly version: string | null;
  /** The library that the version is of, as DT_NEEDED has it: any other that has it will do. Null without a version. */
  readonly from: string | null;
  /** It may be missing. */
  readonly isWeak: boolean;
  /** A variable of which the program holds a copy: it is looked for in all files but the program. */
  readonly isCopy: boolean;
}

/** What the dynamic linker has to know of a file. Names are latin1-decoded: escape before printing. */
export interface LinkObject {
  /** ET_EXEC, or a PIE: it cannot be opened as a library. */
  readonly isProgram: boolean;
  readonly soname: string | null;
  readonly needed: readonly string[];
  readonly rpath: string | null;
  readonly runpath: string | null;
  /** Names of the versions that it defines; null where it defines none at all. */
  readonly versions: readonly string[] | null;
  readonly neededVersions: readonly NeededOf[];
  readonly definitions: ReadonlyMap<string, readonly Definition[]>;
  /** In the order in which the dynamic linker looks them up when all is bound at once; each once. */
  readonly wants: readonly Want[];
}

export interface NeededOf {
  /** As DT_NEEDED has it. */
  readonly file: string;
  readonly versions: readonly { readonly name: string; readonly isWeak: boolean }[];
}

const UNVERSIONED = { version: null, from: null } as const;

/** Reads it of an x86-64 file that openObject took. Fails with an ElfError where its tables are damaged. */
export function readObject(program: ElfProgram): LinkObject {
  const dynamic = readDynamic(program);
  if (dynamic === null) {
    return {
      isProgram:
        program.segments.some(({ type }) => type === PT.INTERP) || program.type === ET.EXEC,
      soname: null,
      needed: [],
      rpath: null,
      runpath: null,
      versions: null,
      neededVersions: [],
      definitions: new Map(),
      wants: [],
    };
  }
  const symbols = readDynamicSymbols(dynamic);
  const { defined, needed, ofSymbols } = readSymbolVersions(dynamic, symbols.length);
  const definedNames = new Map((defined ?? []).map(({ index, name }) => [index, name]));
  const neededNames = new Map(
    needed.flatMap(({ file, versions }) =>
      versions.map(({ index, name }) => [index, { version: name, from: file }]),
    ),
  );
  const definitions = new Map<string, Definition[]>();
  for (const { name, binding, visibility, sectionIndex, index } of symbols) {
    if (sectionIndex === SHN.UNDEF || name === '') continue;
    const isSeen = binding === STB.GLOBAL || binding === STB.WEAK || binding === STB.GNU_UNIQUE;
    if (!isSeen || (visibility !== STV.DEFAULT && visibility !== STV.PROTECTED)) continue;
    const entry = ofSymbols?.[index] ?? null;
    const number = entry === null ? null : versionIndex(entry);
    const definition = {
      index: number,
      version: number === null || number < 2 ? null : (definedNames.get(number) ?? null),
      isHidden: entry !== null && (entry & VERSION_HIDDEN) !== 0,
    };
    const others = definitions.get(name);
    if (others === undefined) definitions.set(name, [definition]);
    else others.push(definition);
  }
  const wants: Want[] = [];
  const seen = new Set<number>();
  for (const { type, symbolIndex } of symbolRelocations(dynamic)) {
    const symbol = symbols[symbolIndex];
    const isCopy = type === R_X86_64.COPY;
    if (symbol === undefined || symbol.name === '' || symbol.binding === STB.LOCAL) continue;
    if (!isCopy && (symbol.sectionIndex !== SHN.UNDEF || seen.has(symbolIndex))) continue;
    seen.add(symbolIndex);
    const entry = ofSymbols?.[symbolIndex] ?? 0;
    const of = neededNames.get(versionIndex(entry)) ?? UNVERSIONED;
    wants.push({
      name: symbol.name,
      version: of.version,
      from: of.from,
      isWeak: symbol.binding === STB.WEAK,
      isCopy,
    });
  }
  const flags = dynamicValue(dynamic, DT.FLAGS_1) ?? 0n;
  return {
    isProgram: program.type === ET.EXEC || (flags & DF_1_PIE) !== 0n,
    soname: dynamic.soname,
    needed: dynamic.needed,
    rpath: dynamic.rpath,
    runpath: dynamic.runpath,
    versions: defined?.map(({ name }) => name) ?? null,
    neededVersions: needed,
    definitions,
    wants,
  };
}
