export { ByteReader } from './bytes.js';
export * from './constants.js';
export { sectionByName, sectionBytes, segmentBytes } from './contents.js';
export {
  type DynamicSection,
  dynamicValue,
  readDynamic,
} from './dynamic.js';
export {
  type AddressRange,
  pointersOf,
  readRelr,
  symbolRelocations,
} from './dynamic-relocations.js';
export { readDynamicSymbols } from './dynamic-symbols.js';
export { ElfError, type ElfErrorCode, type ElfProblem } from './errors.js';
export {
  type ElfFile,
  type ElfHeader,
  type ElfSection,
  type ElfSegment,
  looksLikeElf,
  readElf,
} from './file.js';
export { MappedFile, PAGE_SIZE } from './mapped.js';
export { type ElfNote, readNotes } from './notes.js';
export { type ElfProgram, readProgram } from './program.js';
export {
  type ElfRelocation,
  type RelocationTable,
  readRelocations,
  readRelocationTable,
  relocationSections,
} from './relocations.js';
export { StringTable } from './strings.js';
export {
  type ElfSymbol,
  MAX_SYMBOLS,
  readSymbols,
  readSymbolTable,
  symbolEntrySize,
} from './symbols.js';
export {
  type DefinedVersion,
  type NeededVersions,
  readSymbolVersions,
  type SymbolVersions,
  VERSION_HIDDEN,
  versionIndex,
} from './versions.js';
