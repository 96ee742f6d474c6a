export { ByteReader } from './bytes.js';
export * from './constants.js';
export {
  EM,
  ET,
  fileTypeName,
  machineName,
  NT_GNU_BUILD_ID,
  PF,
  PT,
  relocationTypeName,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
} from './constants.js';
export { sectionByName, sectionBytes, segmentBytes } from './contents.js';
export { ElfError, type ElfErrorCode, type ElfProblem } from './errors.js';
export {
  type ElfFile,
  type ElfHeader,
  type ElfSection,
  type ElfSegment,
  looksLikeElf,
  readElf,
} from './file.js';
export { type ElfNote, readNotes } from './notes.js';
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
