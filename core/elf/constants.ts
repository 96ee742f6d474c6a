/** Values of the ELF specification (gABI, and the psABIs of x86-64 and AArch64) and their names. */

export const ET = { NONE: 0, REL: 1, EXEC: 2, DYN: 3, CORE: 4 } as const;
export const EM = { I386: 3, ARM: 40, X86_64: 62, AARCH64: 183 } as const;

export const SHT = {
  NULL: 0,
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  HASH: 5,
  DYNAMIC: 6,
  NOTE: 7,
  NOBITS: 8,
  REL: 9,
  SHLIB: 10,
  DYNSYM: 11,
  INIT_ARRAY: 14,
  FINI_ARRAY: 15,
  PREINIT_ARRAY: 16,
  GROUP: 17,
  SYMTAB_SHNDX: 18,
  RELR: 19,
  /** Of clang, -Wa,--crel. */
  CREL: 0x40000014,
  GNU_HASH: 0x6ffffff6,
  VERDEF: 0x6ffffffd,
  VERNEED: 0x6ffffffe,
  VERSYM: 0x6fffffff,
} as const;

export const SHF = {
  WRITE: 0x1n,
  ALLOC: 0x2n,
  EXECINSTR: 0x4n,
  MERGE: 0x10n,
  STRINGS: 0x20n,
  INFO_LINK: 0x40n,
  LINK_ORDER: 0x80n,
  OS_NONCONFORMING: 0x100n,
  GROUP: 0x200n,
  TLS: 0x400n,
  COMPRESSED: 0x800n,
} as const;

export const SHN = {
  UNDEF: 0,
  LORESERVE: 0xff00,
  ABS: 0xfff1,
  COMMON: 0xfff2,
  XINDEX: 0xffff,
} as const;

export const PT = { NULL: 0, LOAD: 1, DYNAMIC: 2, INTERP: 3, NOTE: 4, PHDR: 6, TLS: 7 } as const;

/** Tags of the dynamic section; names as readelf prints them. */
export const DT = {
  NULL: 0,
  NEEDED: 1,
  PLTRELSZ: 2,
  HASH: 4,
  STRTAB: 5,
  SYMTAB: 6,
  RELA: 7,
  RELASZ: 8,
  STRSZ: 10,
  SONAME: 14,
  RPATH: 15,
  REL: 17,
  PLTREL: 20,
  JMPREL: 23,
  INIT_ARRAY: 25,
  INIT_ARRAYSZ: 27,
  RUNPATH: 29,
  RELRSZ: 35,
  RELR: 36,
  GNU_HASH: 0x6ffffef5,
  VERSYM: 0x6ffffff0,
  FLAGS_1: 0x6ffffffb,
  VERDEF: 0x6ffffffc,
  VERDEFNUM: 0x6ffffffd,
  VERNEED: 0x6ffffffe,
  VERNEEDNUM: 0x6fffffff,
} as const;

/** In DT_FLAGS_1: a program, whatever its type says. */
export const DF_1_PIE = 0x08000000n;
export const PF = { X: 1, W: 2, R: 4 } as const;

export const STB = { LOCAL: 0, GLOBAL: 1, WEAK: 2, GNU_UNIQUE: 10 } as const;
export const STT = {
  NOTYPE: 0,
  OBJECT: 1,
  FUNC: 2,
  SECTION: 3,
  FILE: 4,
  COMMON: 5,
  TLS: 6,
  GNU_IFUNC: 10,
} as const;
export const STV = { DEFAULT: 0, INTERNAL: 1, HIDDEN: 2, PROTECTED: 3 } as const;

export const NT_GNU_BUILD_ID = 3;

/** Xen's loader applies NONE, 64, PC32 and PLT32 and refuses every other (arch_livepatch_perform_rela). */
export const R_X86_64 = {
  NONE: 0,
  64: 1,
  PC32: 2,
  GOT32: 3,
  PLT32: 4,
  COPY: 5,
  GLOB_DAT: 6,
  JUMP_SLOT: 7,
  RELATIVE: 8,
  GOTPCREL: 9,
  32: 10,
  '32S': 11,
  16: 12,
  PC16: 13,
  8: 14,
  PC8: 15,
  PC64: 24,
  GOTPCRELX: 41,
  REX_GOTPCRELX: 42,
} as const;

export const R_AARCH64 = {
  NONE: 0,
  ABS64: 257,
  ABS32: 258,
  ABS16: 259,
  PREL64: 260,
  PREL32: 261,
  PREL16: 262,
  MOVW_UABS_G0: 263,
  MOVW_UABS_G0_NC: 264,
  MOVW_UABS_G1: 265,
  MOVW_UABS_G1_NC: 266,
  MOVW_UABS_G2: 267,
  MOVW_UABS_G2_NC: 268,
  MOVW_UABS_G3: 269,
  LD_PREL_LO19: 273,
  ADR_PREL_LO21: 274,
  ADR_PREL_PG_HI21: 275,
  ADR_PREL_PG_HI21_NC: 276,
  ADD_ABS_LO12_NC: 277,
  LDST8_ABS_LO12_NC: 278,
  TSTBR14: 279,
  CONDBR19: 280,
  JUMP26: 282,
  CALL26: 283,
  LDST16_ABS_LO12_NC: 284,
  LDST32_ABS_LO12_NC: 285,
  LDST64_ABS_LO12_NC: 286,
  LDST128_ABS_LO12_NC: 299,
} as const;

type Names = ReadonlyMap<number, string>;

function namesOf(values: Readonly<Record<string, number>>, prefix = ''): Names {
  return new Map(Object.entries(values).map(([name, value]) => [value, prefix + name]));
}

const X86_64_RELOCATIONS = namesOf(R_X86_64, 'R_X86_64_');
const AARCH64_RELOCATIONS = namesOf(R_AARCH64, 'R_AARCH64_');
const FILE_TYPES = namesOf(ET);
const SECTION_TYPES = namesOf(SHT);
const SYMBOL_TYPES = namesOf({ ...STT, IFUNC: STT.GNU_IFUNC });
const BINDINGS = namesOf({ ...STB, UNIQUE: STB.GNU_UNIQUE });
const VISIBILITIES = namesOf(STV);
const MACHINES: Names = new Map([
  [EM.I386, 'i386'],
  [EM.ARM, 'arm'],
  [EM.X86_64, 'x86-64'],
  [EM.AARCH64, 'arm64'],
]);

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** `x86-64`, `arm64`; the number in hex for a machine that has no name here. So for all of these. */
export function machineName(machine: number): string {
  return MACHINES.get(machine) ?? `machine ${hex(machine)}`;
}

/** `REL`, `EXEC`. */
export function fileTypeName(type: number): string {
  return FILE_TYPES.get(type) ?? hex(type);
}

/** `PROGBITS`, as readelf prints it. */
export function sectionTypeName(type: number): string {
  return SECTION_TYPES.get(type) ?? hex(type);
}

/** `FUNC`, `OBJECT`. */
export function symbolTypeName(type: number): string {
  return SYMBOL_TYPES.get(type) ?? hex(type);
}

/** `LOCAL`, `GLOBAL`, `WEAK`. */
export function symbolBindingName(binding: number): string {
  return BINDINGS.get(binding) ?? hex(binding);
}

/** `DEFAULT`, `HIDDEN`. */
export function symbolVisibilityName(visibility: number): string {
  return VISIBILITIES.get(visibility) ?? hex(visibility);
}

/** `R_X86_64_PC32`, `R_AARCH64_CALL26`. */
export function relocationTypeName(machine: number, type: number): string {
  const names =
    machine === EM.X86_64
      ? X86_64_RELOCATIONS
      : machine === EM.AARCH64
        ? AARCH64_RELOCATIONS
        : null;
  return names?.get(type) ?? hex(type);
}

const FLAG_LETTERS: readonly (readonly [bigint, string])[] = [
  [SHF.WRITE, 'W'],
  [SHF.ALLOC, 'A'],
  [SHF.EXECINSTR, 'X'],
  [SHF.MERGE, 'M'],
  [SHF.STRINGS, 'S'],
  [SHF.INFO_LINK, 'I'],
  [SHF.LINK_ORDER, 'L'],
  [SHF.OS_NONCONFORMING, 'O'],
  [SHF.GROUP, 'G'],
  [SHF.TLS, 'T'],
  [SHF.COMPRESSED, 'C'],
];

/** The letters readelf prints for section flags, e.g. `WAX`; flags that have none here are left out. */
export function sectionFlagLetters(flags: bigint): string {
  return FLAG_LETTERS.filter(([flag]) => (flags & flag) !== 0n)
    .map(([, letter]) => letter)
    .join('');
}
