/**
 * ELF files of any kind, read strictly: what is wrong is named with its field.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { readElf, readNotes, sectionBytes, sectionByName } from 'xsplice-ts/elf';
 *
 * const elf = readElf(readFileSync('patches/hello.livepatch'));
 * const section = sectionByName(elf, '.note.gnu.build-id');
 * if (section !== null) {
 *   for (const { name, desc } of readNotes(sectionBytes(elf, section), section.name)) {
 *     console.log(name, Buffer.from(desc).toString('hex'));
 *   }
 * }
 * ```
 *
 * @packageDocumentation
 */
export {
  ElfError,
  type ElfFile,
  type ElfNote,
  type ElfSection,
  type ElfSymbol,
  readElf,
  readNotes,
  readSymbols,
  sectionByName,
  sectionBytes,
} from '../elf/index.js';
